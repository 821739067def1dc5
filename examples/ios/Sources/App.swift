import PhotosUI
import SwiftUI

@main
struct KaigaExample: App {
    var body: some Scene {
        WindowGroup { Screen() }
    }
}

/// Photo from the picker, painting on the screen, painting among the photos.
struct Screen: View {
    @State private var choice: PhotosPickerItem?
    @State private var painting: UIImage?
    @State private var message: String?
    @State private var isBusy = false
    @State private var painter: Painter?

    var body: some View {
        VStack(spacing: 16) {
            ZStack {
                if let painting { Image(uiImage: painting).resizable().scaledToFit() }
                if isBusy { ProgressView() }
            }
            .frame(maxWidth: .infinity, maxHeight: .infinity)
            if let message { Text(message).font(.footnote) }
            PhotosPicker("Choose a photo", selection: $choice, matching: .images).disabled(isBusy)
            Button("Save") { save() }.disabled(isBusy || painting == nil)
        }
        .padding()
        .task(id: choice) { await paint() }
    }

    private func paint() async {
        guard let choice else { return }
        isBusy = true
        defer { isBusy = false }
        do {
            guard let data = try await choice.loadTransferable(type: Data.self), let photo = UIImage(data: data)
            else { throw Painter.Failure.unreadable }
            let ready = try painter ?? Painter()
            painter = ready
            painting = try await ready.paint(photo)
            message = nil
        } catch {
            message = error.localizedDescription
        }
    }

    private func save() {
        guard let painting else { return }
        PHPhotoLibrary.shared().performChanges {
            PHAssetChangeRequest.creationRequestForAsset(from: painting)
        } completionHandler: { isSaved, error in
            let text = isSaved ? "Saved among your photos." : (error?.localizedDescription ?? "It could not be saved.")
            Task { @MainActor in message = text }
        }
    }
}
