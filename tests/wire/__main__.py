"""Serve the provider.   python -m tests.wire [--port N] [--manners JSON]"""

import argparse
import asyncio

from tests.wire.manners import Manners
from tests.wire.server import serve


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--manners", type=Manners.model_validate_json, default=Manners())
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.manners, chosen.port))


if __name__ == "__main__":
    main()
