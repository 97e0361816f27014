#!/bin/sh
# Installs what building and testing need on Debian 12, or says exactly what to install.
set -eu

want() { # want COMMAND PACKAGE
	command -v "$1" >/dev/null 2>&1 && return 0
	missing="${missing:-} $2"
}

missing=
want git git
want make make
if [ "${ZEGEL_BROWSER:-}" = 1 ]; then
	want chromium chromium
fi
if [ "${ZEGEL_GUI:-}" = 1 ]; then
	want gcc gcc
	want pkg-config pkg-config
	# What Fyne links with, by the names that pkg-config has for them.
	for pair in gl:libgl-dev egl:libegl-dev x11:libx11-dev xrandr:libxrandr-dev xcursor:libxcursor-dev \
		xinerama:libxinerama-dev xi:libxi-dev xxf86vm:libxxf86vm-dev wayland-client:libwayland-dev xkbcommon:libxkbcommon-dev; do
		pkg-config --exists "${pair%%:*}" 2>/dev/null || missing="${missing:-} ${pair##*:}"
	done
	if [ "${ZEGEL_ANDROID:-}" = 1 ]; then # the headers of OpenGL ES, which phones have
		want nm binutils
		pkg-config --exists glesv2 2>/dev/null || missing="${missing:-} libgles-dev"
	fi
	[ -e /usr/include/string.h ] || missing="${missing:-} libc6-dev"
fi
if [ "${ZEGEL_WINDOW:-}" = 1 ]; then
	want Xvfb xvfb
	want xdotool xdotool
	want xclip xclip
	want import imagemagick
	for dri in /usr/lib/*/dri; do # OpenGL in software
		[ -e "$dri" ] || missing="${missing:-} libgl1-mesa-dri"
	done
fi
if [ -n "$missing" ]; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
		apt-get update -qq
		# shellcheck disable=SC2086
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
	else
		echo "missing:$missing" >&2
		echo "install with: sudo apt-get install --no-install-recommends$missing" >&2
		exit 1
	fi
fi

if ! command -v go >/dev/null 2>&1; then
	echo "missing: Go 1.26 or later (the command go). See https://go.dev/doc/install" >&2
	exit 1
fi
have=$(go env GOVERSION | sed 's/^go//')
low=$(printf '%s\n1.26\n' "$have" | sort -V | head -n 1)
if [ "$low" != 1.26 ]; then
	echo "Go $have is too old: 1.26 or later is needed. See https://go.dev/doc/install" >&2
	exit 1
fi
