from portal_chassis.actor import ActorVerifier
from portal_chassis.logs import get_logger
from portal_chassis.service import Service
from portal_chassis.setup_checks import serve as serve_setup
from portal_contracts.problems import Misconfigured
from portal_gateway.app import build_app, build_gateway
from portal_gateway.check_setup import signed_calls_look
from portal_gateway.http_server import HttpServer
from portal_gateway.settings import GatewaySettings

log = get_logger(__name__)


async def wire(service: Service) -> None:
    """Join the gateway's parts."""
    settings = GatewaySettings()
    if not settings.cookie_secure and not settings.is_on_loopback:
        raise Misconfigured("INTERNAL_ERROR", facts={"setting": "PORTAL_COOKIE_SECURE", "url": settings.public_url})
    keys = service.settings.actor_public_keys_path
    if keys is None:
        raise Misconfigured("ACTOR_REFUSED", facts={"setting": "PORTAL_ACTOR_PUBLIC_KEYS_PATH"})
    gateway = build_gateway(service.bus, settings, ActorVerifier.from_file(keys), service.machine)
    server = HttpServer(
        build_app(gateway), settings.gateway_host, settings.gateway_port, before_close=gateway.streams.end_all
    )
    service.health.add("http", server.answers)
    serve_setup(service, signed_calls_look(settings))
    log.info("listening", host=settings.gateway_host, port=server.port)
    service.background("http", server.serve)
    service.on_stop(server.close)
