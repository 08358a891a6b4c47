"""How Pub/Sub RPCs fail: a gRPC status, and the trailers that say why (reference/salesforce.md 4.10)."""

from typing import Any

import grpc

CODE_PREFIX = "sfdc.platform.eventbus.grpc."


class Refusal(Exception):  # noqa: N818 - the vendor refuses; most of these are not errors of the sandbox
    """Ends an RPC. Without a code no trailers are sent, as when the connection itself breaks."""

    def __init__(self, status: grpc.StatusCode, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @classmethod
    def unavailable(cls) -> "Refusal":
        """service.unavailable, which the service reports as INTERNAL."""
        return cls(grpc.StatusCode.INTERNAL, "service.unavailable", "The service is temporarily unavailable.")

    @classmethod
    def unauthenticated(cls) -> "Refusal":
        """The token is unknown, expired or of the wrong format."""
        return cls(
            grpc.StatusCode.UNAUTHENTICATED,
            "service.auth.error",
            "An authentication exception occurred. Provide a valid access token, instance URL and tenant id.",
        )

    async def end(self, context: Any, rpc: str, rpc_id: str) -> None:
        """Aborts the RPC with the trailers clients parse."""
        if not self.code:
            await context.abort(self.status, self.message)
        trailers = (("error-code", CODE_PREFIX + self.code), ("rpc-id", rpc_id), ("type", rpc))
        await context.abort(self.status, f"{self.message} rpcId: {rpc_id}", trailers)
