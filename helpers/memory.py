"""How much memory a process and its children take at most."""

import threading

import psutil

_PAUSE = 0.1  # seconds between two looks


class MemoryWatch:
    """Samples the memory of a process and its children until stopped."""

    def __init__(self):
        self._peak = 0
        self._stopped = threading.Event()
        self._thread = None

    def watch(self, process_id):
        """Begin to sample the process with this number."""
        self._thread = threading.Thread(target=self._sample, args=(process_id,))
        self._thread.start()

    def stop(self):
        """Stop sampling, and return the most that was seen, in bytes."""
        self._stopped.set()
        if self._thread:
            self._thread.join()
        return self._peak

    def _sample(self, process_id):
        while not self._stopped.wait(_PAUSE):
            try:
                process = psutil.Process(process_id)
                family = [process, *process.children(recursive=True)]
                used = sum(member.memory_info().rss for member in family)
            except psutil.NoSuchProcess:
                continue
            self._peak = max(self._peak, used)
