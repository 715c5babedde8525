"""Imports what a run needs without holding up the window, and before the click where there is time.

Importing an extension module keeps Python's lock while the system maps and links its libraries: for torch
about a second, in which the window answers nothing. Called through ctypes, the same loading lets the lock go;
the import afterwards finds the libraries in place.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

# In the order in which each needs the ones before it.
_LIBRARIES = ("c10", "torch_cpu", "torch")
# What `warm_up` was asked for, in any dock: an import is the whole program's.
_asked: set[str] = set()


def load_torch_libraries() -> None:
    """Load them in this thread, unless torch is imported already.

    What cannot be loaded is left to the import. Does nothing on Windows, where the import sets up the folders
    that libraries are looked for in.
    """
    if "torch" in sys.modules or os.name != "posix":
        return
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return
    ending = ".dylib" if sys.platform == "darwin" else ".so"
    # Not `ctypes.CDLL(path)`, whose own loading keeps the lock.
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for name in _LIBRARIES:
        path = Path(spec.origin).parent / "lib" / f"lib{name}{ending}"
        if path.is_file():
            dlopen(os.fsencode(path), os.RTLD_NOW)


def warm_up(modules: Sequence[str], then: Callable[[], None] | None = None) -> threading.Thread | None:
    """Import modules in a thread of their own, in their order; those that were asked for before are left out.

    The program's end waits for it: a thread that dies in the midst of torch's own start would take the
    program with it.

    Parameters
    ----------
    modules : sequence of str
        Names, absolute; torch takes 2 s on a laptop, so last.
    then : callable, optional
        Called in that thread once they are imported, unless all were asked for before.

    Returns
    -------
    Thread or None
        Which is at it; None where nothing is left to import.
    """
    left = [module for module in modules if module not in _asked]
    if not left:
        return None
    _asked.update(left)
    thread = threading.Thread(target=_import, args=(left, then), name="microdiffusion import")
    thread.start()
    return thread


def _import(modules: Sequence[str], then: Callable[[], None] | None) -> None:
    for module in modules:
        if module == "torch":
            load_torch_libraries()
        import_module(module)
    if then is not None:
        then()
