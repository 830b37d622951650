#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian or Ubuntu packages that a build needs, where they are missing.
#
#   cmake/install_dependencies.sh [--minimal] [PACKAGE...]
#
# --minimal leaves LibTorch and OpenCV out: the core, its tests and its examples need neither. Further
# PACKAGEs are installed with the rest. Root or sudo is asked for only if something is missing.
set -euo pipefail

packages=(g++ cmake ninja-build ccache ca-certificates curl catch2 libeigen3-dev nlohmann-json3-dev
          libcli11-dev libbenchmark-dev libpugixml-dev zlib1g-dev)
heavy=(libtorch-dev libgloo-dev libopencv-dev)

for argument in "$@"; do
  case $argument in
    --minimal) heavy=() ;;
    -h | --help) sed -n '3,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "$0: unknown option $argument; --minimal is the only one" >&2; exit 2 ;;
    *) packages+=("$argument") ;;
  esac
done
packages+=("${heavy[@]}")

if ! command -v dpkg-query apt-get >/dev/null; then
  echo "$0: this is neither Debian nor Ubuntu. Install what these packages hold by your own means," \
       "or name a folder in CMAKE_PREFIX_PATH: ${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $EUID -ne 0 ]]; then
  as_root=(sudo)
  if ! command -v sudo >/dev/null; then
    echo "$0: missing ${missing[*]}, and there is neither root nor sudo to install them." \
         "Ask an administrator for: apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi

echo "installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
