"""How much memory a process and its children take at most."""

import threading

import psutil

_PAUSE = 0.1  # seconds between two looks


class MemoryWatch:
    """Samples the resident memory of a process and its children until stopped."""

    def __init__(self):
        self._peak = 0
        self._stopped = threading.Event()
        self._thread = None

    def watch(self, process_id):
        """Begin to sample the process with this number."""
        self._thread = threading.Thread(
            target=self._sample,
            args=(process_id,),
            daemon=True,  # or Ctrl-C would wait for it for ever
        )
        self._thread.start()

    def stop(self):
        """Stop sampling, and return the most that was seen, in bytes.

        Returns
        -------
        int
            0 if nothing was watched.
        """
        self._stopped.set()
        if self._thread:
            self._thread.join()
        return self._peak

    def _sample(self, process_id):
        while True:
            self._peak = max(self._peak, _measure_family(process_id))
            if self._stopped.wait(_PAUSE):
                return


def _measure_family(process_id):
    """Return the bytes that a process and its children take now; 0 once it is gone."""
    try:
        process = psutil.Process(process_id)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(map(_measure, family))


def _measure(process):
    try:
        return process.memory_info().rss
    except psutil.Error:  # it has ended since
        return 0
