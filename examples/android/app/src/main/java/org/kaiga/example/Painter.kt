package org.kaiga.example

import ai.onnxruntime.OnnxJavaType
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import android.content.Context
import android.graphics.Bitmap
import java.nio.ByteBuffer
import kotlin.math.roundToInt
import kotlin.math.sqrt

/**
 * Paints photos with a look that `kaiga export --uint8` wrote: bytes in, bytes out, nothing to be done around it.
 *
 * Make one and keep it; painting is for a background thread.
 */
class Painter(context: Context, model: String = "meadow.onnx") : AutoCloseable {
    private val environment = OrtEnvironment.getEnvironment()
    private val session: OrtSession

    init {
        val bytes = context.assets.open(model).use { it.readBytes() }
        OrtSession.SessionOptions().use { options ->
            session = environment.createSession(bytes, options)
        }
    }

    /** The painting of [photo], of the size that strokes are right at. */
    fun paint(photo: Bitmap): Bitmap {
        val small = photo.atWorkingSize()
        val (width, height) = small.width to small.height
        val shape = longArrayOf(1, height.toLong(), width.toLong(), 3)
        OnnxTensor.createTensor(environment, small.rgb(), shape, OnnxJavaType.UINT8).use { input ->
            session.run(mapOf("photo" to input)).use { result ->
                val painting = result.get("painting").get() as OnnxTensor
                return bitmap(painting.byteBuffer, width, height)
            }
        }
    }

    override fun close() = session.close()
}

/** Strokes are as wide as on a picture of this size: kaiga itself paints larger photos so, too. */
private const val WORKING_AREA_PX = 524_000.0

private fun Bitmap.atWorkingSize(): Bitmap {
    val scale = sqrt(WORKING_AREA_PX / (width.toDouble() * height))
    if (scale >= 1) return this
    // In halves as far as they go: one step of the bilinear filter would leave out pixels.
    var picture = this
    while (picture.width / 2 >= width * scale && picture.height / 2 >= height * scale) {
        picture = Bitmap.createScaledBitmap(picture, picture.width / 2, picture.height / 2, true)
    }
    return Bitmap.createScaledBitmap(picture, (width * scale).roundToInt(), (height * scale).roundToInt(), true)
}

private fun Bitmap.rgb(): ByteBuffer {
    val pixels = IntArray(width * height)
    getPixels(pixels, 0, width, 0, 0, width, height)
    val bytes = ByteBuffer.allocateDirect(pixels.size * 3)
    for (pixel in pixels) {
        bytes.put((pixel shr 16).toByte()).put((pixel shr 8).toByte()).put(pixel.toByte())
    }
    bytes.rewind()
    return bytes
}

private fun bitmap(rgb: ByteBuffer, width: Int, height: Int): Bitmap {
    val pixels = IntArray(width * height) {
        val red = rgb.get().toInt() and 0xff
        val green = rgb.get().toInt() and 0xff
        val blue = rgb.get().toInt() and 0xff
        (0xff shl 24) or (red shl 16) or (green shl 8) or blue
    }
    return Bitmap.createBitmap(pixels, width, height, Bitmap.Config.ARGB_8888)
}
