#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Finds the faces in a photo, from a fresh clone: installs what is missing, builds retinaface_detect,
# obtains the public MobileNet weights and a photo, and says where the picture with the faces lies.
#
#   examples/demo.sh [--weights FILE] [--image FILE-or-FOLDER] [--out FOLDER]
#
# Weights and photo are taken from --weights and --image, else from the folder RETINUE_SHARED_DIR,
# else from their public addresses (checked by SHA-256, kept in the output folder: out/demo).
set -euo pipefail
cd "$(dirname "$0")/.."

weights='' image='' out=out/demo
while [[ $# -gt 0 ]]; do
  case $1 in
    --weights | --image | --out)
      [[ $# -ge 2 ]] || { echo "$0: $1 wants a value" >&2; exit 2; }
      printf -v "${1#--}" '%s' "$2"
      shift 2
      ;;
    -h | --help) sed -n '3,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "$0: unknown argument $1; try --help" >&2; exit 2 ;;
  esac
done

shared=${RETINUE_SHARED_DIR:-}
[[ -n $shared || ! -d ../shared/weights ]] || shared=../shared
public=https://raw.githubusercontent.com/biubug6

# obtain FILE-IN-SHARED SHA256 ADDRESS: prints the path of a checked file, or fails.
obtain() {
  local file=$out/${3##*/} sum=$2
  if [[ -n $shared && -f $shared/$1 ]]; then
    echo "$shared/$1"
    return
  fi
  if [[ ! -f $file ]]; then
    curl --fail --silent --show-error --location --retry 2 --connect-timeout 15 -o "$file.part" "$3" >&2 || return 1
    mv "$file.part" "$file"
  fi
  if ! echo "$sum  $file" | sha256sum --check --status; then
    echo "$0: $file is not the file it should be (its SHA-256 is not $sum); remove it and try again" >&2
    return 1
  fi
  echo "$file"
}

cmake/install_dependencies.sh
cmake --preset release
cmake --build --preset release --target retinaface_detect
mkdir -p "$out"

missing() {
  echo "$0: no $1 at hand: there is neither a network nor the folder RETINUE_SHARED_DIR. The program is" \
       "built; give it $1 of your own with $2." >&2
  exit 1
}
if [[ -z $weights ]]; then
  weights=$(obtain weights/retinaface_mobilenet0.25_Final.pth \
    ed6fa7d45a5179f03cb5ce82c73b0c6711372968e53782e88395acee88d319e1 \
    $public/Face-Detector-1MB-with-landmark/2b075657aef954b9426f938ac7fce100b6910fe6/weights/mobilenet0.25_Final.pth) ||
    missing weights --weights
fi
if [[ -z $image ]]; then
  image=$(obtain data/photos/biubug6_test.jpg \
    0502c018d80d96f17c315fa096c88d6ed89775ce7c15754d4d697f09f36e84fa \
    $public/Pytorch_Retinaface/b984b4b775b2c4dced95c1eadd195a5c7d32a60b/curve/test.jpg) ||
    missing 'a photo' --image
fi

overlay=$out/faces.png
[[ -f $image ]] || overlay=$out/faces
build/release/examples/retinaface_detect --weights "$weights" --image "$image" \
  --overlay "$overlay" --json "$out/faces.json" --time
echo
echo "The faces are drawn in $overlay and listed in $out/faces.json."
