"""Start the endpoint on the Ray cluster this process is connected to, and stop it again."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray import serve as ray_serve

from jobs.domain.errors import SettingsError
from serve.app import ServeSettings, application, refuse_missing_model

HOST = "127.0.0.1"  # never public from here: the routes ask for no key


@contextmanager
def endpoint(settings: ServeSettings, port: int = 8000) -> Iterator[str]:
    """Serve `settings.model` at `http://127.0.0.1:<port>/v1`, which is what is yielded, ready.

    Ray must be initialised already. Serve is shut down when the block ends, however it ends.
    Raises SettingsError or InputError before anything starts.
    """
    refuse_missing_model(settings.model)
    refuse_busy_cluster()
    refuse_busy_port(port)
    ray_serve.start(proxy_location="HeadOnly", http_options={"host": HOST, "port": port})
    try:
        ray_serve.run(application(settings), name=settings.model_id, route_prefix="/")
        yield f"http://{HOST}:{port}/v1"
    finally:
        ray_serve.shutdown()


def refuse_busy_cluster() -> None:
    """Raise SettingsError without a Ray cluster, or with one that serves something already."""
    if not ray.is_initialized():
        raise SettingsError(
            "the endpoint needs a Ray cluster and this process is connected to none. Start one "
            "(`ray start --head`) and call ray.init(address='auto') first."
        )
    running = sorted(ray_serve.status().applications)
    if running:
        raise SettingsError(
            f"this Ray cluster already serves {', '.join(running)}; the endpoint wants it idle, "
            f"for it shuts Serve down when it ends. Run `serve shutdown`, or use another cluster."
        )


def refuse_busy_port(port: int, host: str = HOST) -> None:
    """Raise SettingsError if something listens on `host`:`port` already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As a server would: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"port {port} on {host} cannot be used ({error.strerror}); the endpoint wants it "
                f"free. Stop what listens there (`ss -ltnp 'sport = :{port}'`), or choose another."
            ) from error
