import CoreGraphics
import Foundation
import OnnxRuntimeBindings
import UIKit

/// Paints photos with a look that `kaiga export --uint8` wrote: bytes in, bytes out, nothing to be done around it.
///
/// An actor, so that one photo is painted at a time and never on the main thread.
actor Painter {
    enum Failure: LocalizedError {
        case noModel
        case unreadable

        var errorDescription: String? {
            switch self {
            case .noModel: return "meadow.onnx is not in the app: see README.md."
            case .unreadable: return "This picture cannot be read. Choose another one."
            }
        }
    }

    /// Strokes are as wide as on a picture of this size: kaiga itself paints larger photos so, too.
    private static let workingArea = 524_000.0

    private let environment: ORTEnv
    private let session: ORTSession

    init() throws {
        guard let model = Bundle.main.path(forResource: "meadow", ofType: "onnx") else { throw Failure.noModel }
        environment = try ORTEnv(loggingLevel: .warning)
        session = try ORTSession(env: environment, modelPath: model, sessionOptions: nil)
    }

    /// The painting of a photo, of the size that strokes are right at.
    func paint(_ photo: UIImage) throws -> UIImage {
        let scale = min(1, (Self.workingArea / Double(photo.size.width * photo.size.height)).squareRoot())
        let width = max(1, Int((Double(photo.size.width) * scale).rounded()))
        let height = max(1, Int((Double(photo.size.height) * scale).rounded()))
        let rgb = try Self.rgb(of: photo, width: width, height: height)
        let shape: [NSNumber] = [1, NSNumber(value: height), NSNumber(value: width), 3]
        let input = try ORTValue(tensorData: rgb, elementType: .uInt8, shape: shape)
        let outputs = try session.run(withInputs: ["photo": input], outputNames: ["painting"], runOptions: nil)
        guard let painting = outputs["painting"] else { throw Failure.unreadable }
        return try Self.image(of: try painting.tensorData() as Data, width: width, height: height)
    }

    /// Red, green, blue, pixel after pixel, upright.
    private static func rgb(of photo: UIImage, width: Int, height: Int) throws -> NSMutableData {
        let format = UIGraphicsImageRendererFormat()
        format.scale = 1
        format.opaque = true
        let size = CGSize(width: width, height: height)
        // Draws as the orientation says.
        let drawn = UIGraphicsImageRenderer(size: size, format: format).image { _ in
            photo.draw(in: CGRect(origin: .zero, size: size))
        }
        var rgba = [UInt8](repeating: 255, count: width * height * 4)
        let isDrawn = rgba.withUnsafeMutableBytes { bytes -> Bool in
            guard let picture = drawn.cgImage, let space = CGColorSpace(name: CGColorSpace.sRGB),
                let context = CGContext(
                    data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8,
                    bytesPerRow: width * 4, space: space,
                    bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
            else { return false }
            context.draw(picture, in: CGRect(origin: .zero, size: size))
            return true
        }
        guard isDrawn else { throw Failure.unreadable }
        var rgb = Data(capacity: width * height * 3)
        for pixel in stride(from: 0, to: rgba.count, by: 4) {
            rgb.append(contentsOf: rgba[pixel..<pixel + 3])
        }
        return NSMutableData(data: rgb)
    }

    private static func image(of rgb: Data, width: Int, height: Int) throws -> UIImage {
        guard let provider = CGDataProvider(data: rgb as CFData), let space = CGColorSpace(name: CGColorSpace.sRGB),
            let picture = CGImage(
                width: width, height: height, bitsPerComponent: 8, bitsPerPixel: 24, bytesPerRow: width * 3,
                space: space, bitmapInfo: CGBitmapInfo(rawValue: CGImageAlphaInfo.none.rawValue),
                provider: provider, decode: nil, shouldInterpolate: true, intent: .defaultIntent)
        else { throw Failure.unreadable }
        return UIImage(cgImage: picture)
    }
}
