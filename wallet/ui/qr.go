package ui

import (
	"bytes"
	"errors"
	"image"
	_ "image/jpeg" // pictures that people have
	_ "image/png"
	"unicode/utf8"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// maxPixels bounds a picture before it is decoded.
const maxPixels = 50_000_000

var errNoCode = errors.New("no QR code in this picture")

// decodeQR finds the text of a QR code in a picture file.
func decodeQR(file []byte) (string, error) {
	config, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil || config.Width*config.Height > maxPixels {
		return "", errNoCode
	}
	img, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return "", errNoCode
	}
	return FindQR(img)
}

// ReadQR finds the text of a QR code in a picture file; "" if there is none.
func ReadQR(file []byte) string {
	text, _ := decodeQR(file) // no code is ""
	return text
}

// FindQR finds the text of a QR code in a picture.
func FindQR(img image.Image) (string, error) {
	source := gozxing.NewLuminanceSourceFromImage(img)
	for _, binary := range []gozxing.Binarizer{gozxing.NewHybridBinarizer(source), gozxing.NewGlobalHistgramBinarizer(source)} {
		bitmap, err := gozxing.NewBinaryBitmap(binary)
		if err != nil {
			continue
		}
		hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
		if r, err := qrcode.NewQRCodeReader().Decode(bitmap, hints); err == nil {
			return r.GetText(), nil
		}
	}
	return "", errNoCode
}

func looksLikeText(data []byte) bool { return len(data) < 64<<10 && utf8.Valid(data) }
