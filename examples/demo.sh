#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole of it, from a fresh clone: installs what is missing, builds, trains a detector on drawn
# scenes (minutes), says how good it is on scenes that it has not seen, and draws what it finds there.
# Then, with the public MobileNet weights, finds the faces in a photo.
#
#   examples/demo.sh [--weights FILE] [--image FILE-or-FOLDER] [--out FOLDER] [--skip-training]
#
# Weights and photo are taken from --weights and --image, else from the folder RETINUE_SHARED_DIR,
# else from their public addresses (checked by SHA-256, kept in the output folder: out/demo).
set -euo pipefail
cd "$(dirname "$0")/.."

weights='' image='' out=out/demo train=yes
while [[ $# -gt 0 ]]; do
  case $1 in
    --weights | --image | --out)
      [[ $# -ge 2 ]] || { echo "$0: $1 wants a value" >&2; exit 2; }
      printf -v "${1#--}" '%s' "$2"
      shift 2
      ;;
    --skip-training)
      train=''
      shift
      ;;
    -h | --help) sed -n '3,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
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
cmake --build --preset release --target retinaface_train retinaface_evaluate retinaface_detect
mkdir -p "$out"
programs=build/release/examples

if [[ -n $train ]]; then
  run=$out/drawn
  echo
  if [[ -f $run/finished ]]; then
    echo "The network that was trained before is in $run; remove the folder to train another."
  elif [[ -f $run/options.json ]]; then
    echo "Going on with the training in $run."
    $programs/retinaface_train --resume "$run"
  else
    echo "Training on drawn scenes, for a few minutes."
    rm -rf "$run"
    $programs/retinaface_train --data synthetic --preset faces-mobilenet0.25 --size 160 --long-side 240 \
      --scenes 2048 --epochs 22 --batch 16 --optimizer adamw --lr 0.004 --schedule cosine --warm-up 50 \
      --average 0.98 --out "$run"
  fi
  touch "$run/finished"
  echo
  echo "On scenes that it has not seen:"
  $programs/retinaface_evaluate --weights "$run/weights.safetensors" --data synthetic --seed 2026 \
    --scene-size 160 --curve "$out/precision_recall.png" --overlay "$out/scenes" --json "$out/scenes.json"
fi

# What is not at hand ends the demonstration, not in failure: something real was shown, and what a
# user with photos of her own does next is one line.
missing() {
  echo
  if [[ -n $train ]]; then
    echo "What it finds in scenes that the detecting program draws:"
    $programs/retinaface_detect --weights "$run/weights.safetensors" --image synthetic --table \
      --overlay "$out/found" --video "$out/found.avi"
    echo
    say_where
    echo "Not at hand: $1, for there is neither a network nor the folder RETINUE_SHARED_DIR."
    echo "Next, with photos and weights of your own: $programs/retinaface_detect --weights FILE.pth" \
      "--image PHOTOS --overlay found"
    exit 0
  fi
  echo "Not at hand: $1, for there is neither a network nor the folder RETINUE_SHARED_DIR. With yours:" \
    "examples/demo.sh --skip-training $2 FILE"
  exit 1
}
say_where() {
  [[ -z $train ]] || echo "Scenes with what was found in them: $out/scenes; the curve of precision" \
    "over recall: $out/precision_recall.png; of the training: $out/drawn/curves.png."
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
$programs/retinaface_detect --weights "$weights" --image "$image" \
  --overlay "$overlay" --json "$out/faces.json" --time
echo
say_where
echo "The faces are drawn in $overlay and listed in $out/faces.json."
