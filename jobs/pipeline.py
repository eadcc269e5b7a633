"""Run a config's stages in order on one cluster.   python -m jobs.pipeline configs/demo.toml

What is finished is skipped; what cannot run is said before anything starts.
"""

from jobs.runtime.command import start

if __name__ == "__main__":
    start()
