package org.kaiga.example

import android.content.ContentValues
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Matrix
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.provider.MediaStore
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.Toast
import androidx.activity.ComponentActivity
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts.PickVisualMedia
import androidx.exifinterface.media.ExifInterface
import androidx.lifecycle.lifecycleScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/** Photo from the picker, painting on the screen, painting in the gallery. */
class MainActivity : ComponentActivity() {
    private val painter by lazy { Painter(applicationContext) }
    private var painting: Bitmap? = null

    private val pick = registerForActivityResult(PickVisualMedia()) { uri -> uri?.let(::paint) }

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.main)
        findViewById<Button>(R.id.choose).setOnClickListener {
            pick.launch(PickVisualMediaRequest(PickVisualMedia.ImageOnly))
        }
        findViewById<Button>(R.id.save).setOnClickListener { painting?.let(::save) }
    }

    private fun paint(uri: Uri) = lifecycleScope.launch {
        show(busy = true)
        val photo = withContext(Dispatchers.IO) { read(uri) }
        if (photo == null) {
            say(getString(R.string.unreadable))
        } else {
            try {
                painting = withContext(Dispatchers.Default) { painter.paint(photo) }
                findViewById<ImageView>(R.id.picture).setImageBitmap(painting)
            } catch (error: Exception) {
                say(getString(R.string.failed, error.message))
            }
        }
        show(busy = false)
    }

    /** The photo, upright, not much larger than it is painted. */
    private fun read(uri: Uri): Bitmap? = try {
        val bounds = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        contentResolver.openInputStream(uri)?.use { BitmapFactory.decodeStream(it, null, bounds) }
        val options = BitmapFactory.Options().apply { inSampleSize = sample(bounds.outWidth, bounds.outHeight) }
        val photo = contentResolver.openInputStream(uri)?.use { BitmapFactory.decodeStream(it, null, options) }
        val exif = contentResolver.openInputStream(uri)?.use { ExifInterface(it) }
        photo?.let { upright(it, exif) }
    } catch (_: java.io.IOException) {
        null
    }

    private fun sample(width: Int, height: Int): Int {
        var sample = 1
        while (width.toLong() * height / (sample * sample) > 4 * 2_000_000) sample *= 2
        return sample
    }

    private fun upright(photo: Bitmap, exif: ExifInterface?): Bitmap {
        if (exif == null) return photo
        val matrix = Matrix().apply {
            if (exif.isFlipped) postScale(-1f, 1f)
            postRotate(exif.rotationDegrees.toFloat())
        }
        return Bitmap.createBitmap(photo, 0, 0, photo.width, photo.height, matrix, true)
    }

    private fun save(painting: Bitmap) = lifecycleScope.launch {
        val saved = withContext(Dispatchers.IO) {
            val about = ContentValues().apply {
                put(MediaStore.Images.Media.DISPLAY_NAME, "kaiga-${System.currentTimeMillis()}.png")
                put(MediaStore.Images.Media.MIME_TYPE, "image/png")
                if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) {
                    put(MediaStore.Images.Media.RELATIVE_PATH, "Pictures/kaiga")
                }
            }
            val uri = contentResolver.insert(MediaStore.Images.Media.EXTERNAL_CONTENT_URI, about)
            uri != null && contentResolver.openOutputStream(uri)?.use {
                painting.compress(Bitmap.CompressFormat.PNG, 100, it)
            } == true
        }
        say(getString(if (saved) R.string.saved else R.string.unsaved))
    }

    private fun show(busy: Boolean) {
        findViewById<View>(R.id.busy).visibility = if (busy) View.VISIBLE else View.INVISIBLE
        findViewById<Button>(R.id.choose).isEnabled = !busy
        findViewById<Button>(R.id.save).isEnabled = !busy && painting != null
    }

    private fun say(text: String) = Toast.makeText(this, text, Toast.LENGTH_LONG).show()
}
