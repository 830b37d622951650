#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds the tests and examples in build/release, and runs them all.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake/install_dependencies.sh
exec cmake --workflow --preset release
