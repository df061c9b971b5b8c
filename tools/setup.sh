#!/bin/sh
# Makes .venv ready: finds a Python that is new enough, then lets tools/setup_environment.py do the work.
#   tools/setup.sh [--dev]      PYTHON=/path/to/python3.12 tools/setup.sh
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1

is_new_enough() {
    "$1" -c 'import sys; sys.exit(not ((3, 10) <= sys.version_info[:2] <= (3, 14)))' >/dev/null 2>&1
}

seen=""
for name in ${PYTHON:-python3 python3.12 python3.11 python3.10 python3.13 python3.14}; do
    if is_new_enough "$name"; then
        exec "$name" "$here/setup_environment.py" "$@"
    fi
    if command -v "$name" >/dev/null 2>&1; then
        seen="$seen $name ($("$name" --version 2>&1 | head -n 1))"
    fi
done

if [ -n "${PYTHON:-}" ]; then
    echo "set-up failed: PYTHON=$PYTHON is no Python from 3.10 to 3.14." >&2
elif [ -n "$seen" ]; then
    echo "set-up failed: Python 3.10 to 3.14 is needed; found only:$seen." >&2
else
    echo "set-up failed: there is no python3 on this machine." >&2
fi
echo "  fix: sudo apt-get install python3 python3-venv    (or name one: PYTHON=/path/to/python3.12 make ...)" >&2
exit 1
