#!/bin/sh
# Installs tests/requirements.txt, every file checked against its hash, in .tools/venv. Where that is done, does nothing.
set -eu
cd "$(dirname "$0")/.."

wanted=$(sha256sum tests/requirements.txt)
[ "$(cat .tools/venv/installed 2>/dev/null)" != "$wanted" ] || exit 0
echo "Installing Python packages in .tools/venv: $(sed -n 's/^\(yubikey-manager==[0-9.]*\).*/\1/p' tests/requirements.txt)"
rm -rf .tools/venv
# The distribution's Python, because python3-pyscard belongs to it.
/usr/bin/python3 -m venv --system-site-packages .tools/venv
.tools/venv/bin/pip install --quiet --disable-pip-version-check --no-input \
    --no-deps --require-hashes --requirement tests/requirements.txt
echo "$wanted" >.tools/venv/installed
