"""Which images the containers are made from: public ones unless TEST_IMAGE_* names others."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class ImageNames:
    """Names as `docker run` takes them; in the pattern `service` the place of the service's name is `{name}`."""

    nats: str = "nats:2.12"
    postgres: str = "postgres:16"
    redis: str = "redis:7"
    service: str = "portal/{name}:local"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Those above, replaced by TEST_IMAGE_NATS, TEST_IMAGE_POSTGRES, TEST_IMAGE_REDIS, TEST_IMAGE_SERVICE."""
        fields = ("nats", "postgres", "redis", "service")
        given = {name: environment.get(f"TEST_IMAGE_{name.upper()}", "") for name in fields}
        return cls(**{name: image for name, image in given.items() if image})

    def of_service(self, name: str) -> str:
        """The image of a service, the bus admin or the sandbox."""
        return self.service.format(name=name)
