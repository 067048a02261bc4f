# SPDX-License-Identifier: GPL-2.0-or-later
#
# For the scripts beside it: pinned Debian packages, unpacked into a temporary directory and run from there. Nothing is
# installed on the machine. Needs root or user namespaces, mmdebstrap, and a C compiler where a script compiles.
readonly qemu_version='1:11.1.3+ds-1~bpo13+1' suite=trixie
readonly mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg

scratch=$(mktemp -d)
readonly scratch prefix=$scratch/prefix
trap 'rm -rf "$scratch"' EXIT

# packages NAME[=VERSION]...: unpacks packages and what they depend on; exits 3 if the archive lacks a pinned version.
packages() {
	local IFS=,
	if ! mmdebstrap --quiet --variant=extract --include="$*" --aptopt='APT::Install-Recommends "false"' \
		--aptopt="APT::Default-Release \"$suite-backports\"" "$suite" "$prefix" \
		"deb [signed-by=$keyring] $mirror $suite main" \
		"deb [signed-by=$keyring] $mirror $suite-backports main" >"$scratch/log" 2>&1; then
		tail -n 5 "$scratch/log" >&2
		echo "cannot unpack $*: is that version gone from the archive?" >&2
		exit 3
	fi
}

# inside [timeout SECONDS] PROGRAM ARGUMENT...: runs a program of these packages with the libraries of these packages.
inside() {
	local command=() libraries=("$prefix"/usr/lib/*-linux-gnu) loaders=("$prefix"/usr/lib*/ld-linux-*.so.*)
	if [[ $1 == timeout ]]; then
		command=(timeout "$2")
		shift 2
	fi
	command+=("${loaders[0]}" --library-path "$(printf '%s:' "${libraries[@]}")" "$prefix/usr/bin/$1")
	if [[ $1 == qemu-system-* ]]; then command+=(-L "$prefix/usr/share/qemu"); fi
	"${command[@]}" "${@:2}"
}

# expect WHAT WANTED SEEN: prints what was seen; exits 1 if it is not what was seen when the script was written.
expect() {
	echo "$1: $3"
	if [[ $3 != "$2" ]]; then
		echo "CHANGED: it was $2" >&2
		exit 1
	fi
}
