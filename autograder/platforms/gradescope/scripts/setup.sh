#!/usr/bin/env bash
# Builds the grader's environment; runs once, as root, when the image is built. Variables that change what it does:
#   AUTOGRADER_VENV         an environment that is ready, with the grader in it: nothing is installed
#   AUTOGRADER_PYTHON       a Python of version 3.11 or later: no system package is installed
#   AUTOGRADER_TORCH_INDEX  the package index that torch comes from; the one of PyTorch's CPU builds keeps the image small
set -euo pipefail
umask 022 # the workers' unprivileged user must be able to read what is installed

root=/autograder
source=$root/source
venv=$root/venv
torch_index=${AUTOGRADER_TORCH_INDEX:-@TORCH_INDEX@}

install_python() { # the image's own python3 stays as it is: the platform needs it
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    apt-get install --yes --no-install-recommends python3.11 python3.11-venv
    rm -rf /var/lib/apt/lists/*
}

install_grader() {
    local python=${AUTOGRADER_PYTHON:-}
    if [[ -z $python ]]; then
        python=python3.11
        "$python" -c 'import ensurepip, venv' 2>/dev/null || install_python
    fi
    "$python" -m venv "$venv"
    local pip=("$venv/bin/python" -m pip install --no-cache-dir --disable-pip-version-check --no-input)
    if [[ -n $torch_index ]]; then # first and without dependencies, so that nothing else comes from there
        grep -E '^(torch|torchvision)==' "$source/requirements.txt" >/tmp/torch-requirements.txt
        "${pip[@]}" --no-deps --index-url "$torch_index" -r /tmp/torch-requirements.txt
        rm /tmp/torch-requirements.txt
    fi
    "${pip[@]}" -r "$source/requirements.txt"
    "${pip[@]}" --no-deps "$source/wheels/@WHEEL@"
}

rm -rf "$venv"
if [[ -n ${AUTOGRADER_VENV:-} ]]; then
    ln -s "$AUTOGRADER_VENV" "$venv"
else
    install_grader
fi

# Workers read the environment through $root; what must stay private is closed by run_autograder.
chmod a+x "$root"
mkdir -p "$root/home"
export HOME=$root/home

# A command above that failed need not have stopped the image's build, so the last lines prove that the grader works.
# The imports also leave byte code and the font cache of matplotlib behind, which every later run starts from.
"$venv/bin/python" -c 'import torch, torchvision, matplotlib.font_manager, hypothesis, pytest, scipy.special, autograder'
"$venv/bin/autograder" doctor
