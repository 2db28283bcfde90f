"""Prints what is installed beside this Python, as one JSON line: {name: {version, complete, folder}}.

    python installed.py

Complete: the installer came to its end, and every file it recorded is there in its recorded size. Folder: where its
metadata lies; without it the package counts as not installed. Needs no package.
"""

import importlib.metadata
import json
import re


def installed() -> dict[str, dict]:
    found = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found[re.sub(r"[-_.]+", "-", name).lower()] = {"version": distribution.version, "complete": is_complete(distribution), "folder": str(distribution._path)}
    return found


def is_complete(distribution: importlib.metadata.Distribution) -> bool:
    # Installers write these last; a package that was being unpacked has none.
    if distribution.read_text("INSTALLER") is None or distribution.read_text("RECORD") is None:
        return False
    return all(is_whole(file) for file in distribution.files or [])


def is_whole(file: importlib.metadata.PackagePath) -> bool:
    try:
        size = file.locate().stat().st_size
    except OSError:
        # Bytecode is written when it is needed.
        return file.suffix == ".pyc"
    return file.size is None or file.size == size or file.suffix == ".pyc"


if __name__ == "__main__":
    print(json.dumps(installed()))
