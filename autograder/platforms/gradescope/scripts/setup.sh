#!/usr/bin/env bash
# Builds the grader's environment; runs once, as root, when the image is built. settings.conf says what may be chosen.
#
# The requirements in this zip were resolved for one minor version of Python. Ways to a final release of it are tried
# one after the other, until torch and torchvision can be imported there; each is one function, python_from_WAY, that
# leaves the interpreter's path in `python`, or fails with one line in `why`. The image's python3 stays as it is.
set -euo pipefail

root=/autograder
source=$root/source
venv=$root/venv
tools=$root/tools # what only the installation needs; removed at the end
settings=$source/settings.conf
python=""
why=""
umask 022 # the workers' unprivileged user must be able to read what is installed
export DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1

say() { echo "setup.sh: $*"; }

setting() { # the value of a line `NAME = VALUE` in settings.conf; a variable AUTOGRADER_NAME goes before it
    local variable=AUTOGRADER_${1^^}
    if [[ -n ${!variable+given} ]]; then
        echo "${!variable}"
    else
        tr -d '\r' <"$settings" | sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\(.*[^[:space:]]\)[[:space:]]*$/\1/p" | tail -n 1
    fi
}

check_settings() { # a name with a slip would be passed over in silence
    local line name way
    while read -r line; do
        name=${line%%[[:space:]=]*}
        if [[ -n $name && $name != \#* && " @SETTINGS@ " != *" $name "* ]]; then
            say "settings.conf: there is no setting \"$name\"; the settings are @SETTINGS@"
            return 1
        fi
    done < <(tr -d '\r' <"$settings")
    for way in $(setting python_sources); do
        if ! declare -F "python_from_$way" >/dev/null; then
            say "settings.conf: python_sources names \"$way\"; the ways are image, apt, uv, ppa and micromamba"
            return 1
        fi
    done
}

usable() { # whether $1 is an interpreter for the requirements $2
    local path
    path=$(command -v "$1") || { why="there is no $1" && return 1; }
    why=$("$path" "$source/check_python.py" "$2" "$(setting private_user)" 2>&1) || { why=$(tail -n 1 <<<"$why") && return 1; }
    python=$path
}

apt_install() {
    if [[ ! -e $tools/apt-updated ]]; then apt-get update && touch "$tools/apt-updated"; fi &&
        apt-get install --yes --no-install-recommends "$@"
}

python_from_image() { # what is there already
    local named
    named=$(setting python)
    usable "${named:-python$1}" "$2"
}

python_from_apt() { # the packages of the image's own archives
    local candidate
    apt_install ca-certificates || { why="apt-get failed" && return 1; }
    candidate=$(apt-cache policy "python$1" | sed -n 's/^ *Candidate: //p')
    case $candidate in
        "" | "(none)") why="the archives have no python$1" && return 1 ;;
        *~a[0-9]* | *~b[0-9]* | *~rc[0-9]*) why="the archives' python$1 is $candidate, which is no final release" && return 1 ;;
    esac
    apt_install "python$1" "python$1-venv" || { why="apt-get could not install python$1" && return 1; }
    usable "python$1" "$2"
}

python_from_uv() { # a standalone build
    local uv=$tools/uv/bin/uv mirror
    mirror=$(setting python_mirror)
    export UV_PYTHON_INSTALL_DIR=$root/python UV_CACHE_DIR=$tools/cache UV_NO_CONFIG=1 UV_PYTHON_INSTALL_BIN=0
    if [[ -n $mirror ]]; then export UV_PYTHON_INSTALL_MIRROR=$mirror; fi
    python3 -m pip --version >/dev/null 2>&1 || apt_install ca-certificates python3 python3-pip ||
        { why="there is no pip, and apt-get could not install it" && return 1; }
    python3 -m pip install --target "$tools/uv" 'uv>=0.8' || { why="pip could not install uv" && return 1; }
    "$uv" python install "$1" || { why="uv could not install Python $1" && return 1; }
    usable "$("$uv" python find --managed-python --no-project "$1")" "$2"
}

python_from_ppa() { # the packages of an archive of all versions, for Ubuntu
    grep -qx 'ID=ubuntu' /etc/os-release || { why="this image is not Ubuntu" && return 1; }
    apt_install ca-certificates software-properties-common && add-apt-repository --yes ppa:deadsnakes/ppa ||
        { why="the archive ppa:deadsnakes/ppa could not be added" && return 1; }
    rm -f "$tools/apt-updated"
    python_from_apt "$1" "$2"
}

python_from_micromamba() { # conda-forge
    local archive=https://micro.mamba.pm/api/micromamba/linux-64/latest
    apt_install ca-certificates curl bzip2 || { why="apt-get could not install curl" && return 1; }
    curl --fail --silent --show-error --location "$archive" | tar -xj -C "$tools" bin/micromamba ||
        { why="micromamba could not be loaded" && return 1; }
    "$tools/bin/micromamba" create --yes --root-prefix "$tools/mamba" --prefix "$root/python/conda-$1" \
        --override-channels --channel conda-forge "python=$1" pip ||
        { why="micromamba could not install Python $1" && return 1; }
    usable "$root/python/conda-$1/bin/python" "$2"
}

install_torch() { # both from one index, before the rest and without dependencies, so that nothing else comes from there
    local index
    index=$(setting torch_index)
    if [[ -z $index ]]; then return 0; fi
    grep -E '^(torch|torchvision)==' "$1" >"$tools/torch.txt"
    "$venv/bin/python" -m pip install --retries 2 --no-deps --index-url "$index" -r "$tools/torch.txt" ||
        say "torch and torchvision could not be had from $index; pip's own index makes a far larger image"
}

proves() { # whether the environment imports everything; that also leaves byte code and the font cache of matplotlib
    "$venv/bin/python" -c '
from importlib.metadata import version
import torch, torchvision, matplotlib.font_manager, hypothesis, pytest, scipy.special, autograder
builds = [version(name).partition("+")[2] for name in ("torch", "torchvision")]
assert builds[0] == builds[1], f"torch and torchvision are not from one index: {builds}"
'
}

make_environment() { # with the Python $1 and the requirements $2
    rm -rf "$venv"
    "$1" -m venv "$venv" || { why="$1 could not make a virtual environment" && return 1; }
    install_torch "$2"
    "$venv/bin/python" -m pip install -r "$2" || { why="pip could not install the requirements" && return 1; }
    "$venv/bin/python" -m pip install --no-deps "$source/wheels/@WHEEL@" || { why="pip could not install the grader" && return 1; }
    proves || { why="torch, torchvision or the grader cannot be imported" && return 1; }
}

try_ways() { # for every set of requirements in the zip, the ones that it was built with first
    local requirements version way tried=" "
    for requirements in "$source/@REQUIREMENTS@" "$source"/requirements-*.txt; do
        version=${requirements##*/requirements-}
        version=${version%.txt}
        if [[ ! -e $requirements || $tried == *" $version "* ]]; then continue; fi
        tried+="$version "
        for way in $(setting python_sources); do
            if "python_from_$way" "$version" "$requirements"; then
                if [[ $tried == *" $version:$(readlink -f "$python") "* ]]; then continue; fi
                tried+="$version:$(readlink -f "$python") "
                if make_environment "$python" "$requirements"; then
                    say "Python $version from $way: $(readlink -f "$python")"
                    return 0
                fi
            fi
            say "Python $version from $way: $why"
        done
    done
    say "there is no way to a Python that runs the grader; the lines above that begin with \"setup.sh: Python\" say why"
    return 1
}

rm -rf "$venv" "$tools" "$root/python"
mkdir -p "$root/home" "$tools"
chmod a+x "$root" # workers read the environment through it; what must stay private is closed by run_autograder
export HOME=$root/home
check_settings
ready=$(setting environment)
if [[ -n $ready ]]; then
    ln -s "$ready" "$venv"
    proves
else
    try_ways || { rm -rf "$venv" && exit 1; }
fi
if [[ -e $tools/apt-updated ]]; then rm -rf /var/lib/apt/lists/*; fi
rm -rf "$tools"

# A command above that failed need not have stopped the image's build, so the last line proves that the grader works.
walls=(--sandbox strict)
if [[ $(setting private_user) != optional ]]; then walls+=(--private-user); fi
"$venv/bin/autograder" doctor "${walls[@]}"
