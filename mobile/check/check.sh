#!/bin/sh
# Builds the whole phone program for Android as far as a machine without the NDK can: the Go of all packages and the C of
# Fyne and of the bridges, compiled and linked as the shared library that an APK holds, against headers of our own and
# empty libraries. The result is thrown away.
set -eu
cd "$(dirname "$0")/../.."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
CC=${CC:-gcc}
export CC
for lib in android log EGL GLESv2 camera2ndk mediandk; do
	echo | "$CC" -shared -x c - -o "$dir/lib$lib.so"
done
# The linker searches LIBRARY_PATH. A fixed flag with the directory would make Go build everything anew each time.
LIBRARY_PATH=$dir
CGO_CFLAGS="-O1 -I$PWD/mobile/check/include"
export LIBRARY_PATH CGO_CFLAGS
# netgo: Android's C library has other types in its resolver than that of this machine.
CGO_ENABLED=1 GOOS=android GOARCH=amd64 go build -tags netgo -buildmode=c-shared -o "$dir/libZegel.so" ./mobile
CGO_ENABLED=1 GOOS=android GOARCH=amd64 go vet -tags netgo ./mobile
for name in ANativeActivity_onCreate zegelSeal zegelOpen zegelCameraOpen zegelLink zegelPicture; do
	nm "$dir/libZegel.so" | grep -q " T $name\$" || { echo "$name is not in the program" >&2; exit 1; }
done
echo "android-check: proved that all Go and C of the phone program compiles, vets and links for Android (amd64) against headers of our own; not proved: the NDK's real headers and compiler, arm64 cgo, the APK, and that anything runs on a phone"
