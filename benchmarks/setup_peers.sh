#!/usr/bin/env bash
# Makes an environment of its own for the packages that we are compared with.
#   benchmarks/setup_peers.sh [folder]      default: .peers in the repository
set -euo pipefail
folder="${1:-$(dirname "$0")/../.peers}"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --upgrade pip
# one by one: a package that does not install here is left out of the table (gym-aloha is: it
# cannot live beside Meta-World's MuJoCo)
for package in "gymnasium[mujoco]" gymnasium-robotics metaworld panda-gym "robosuite h5py"; do
  # shellcheck disable=SC2086 - some need a second package that they do not ask for
  "$folder/bin/python" -m pip install --quiet $package || echo "left out: $package" >&2
done
# the packages settle on one MuJoCo, but another one's files may be left lying between
version="$("$folder/bin/python" -m pip show mujoco | sed -n 's/^Version: //p')"
"$folder/bin/python" -m pip uninstall --quiet --yes mujoco mujoco-core mujoco-studio 2> /dev/null
"$folder/bin/python" -m pip install --quiet "mujoco==$version"
"$folder/bin/python" -m pip freeze | grep -iE '^(mujoco|gymnasium|gymnasium-robotics|metaworld|panda-gym|pybullet|robosuite|numpy)=='
