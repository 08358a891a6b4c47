"""What the demo shows: live progress, a table per order, and where systems disagree."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from portal_local.demo.comparing import OrderFacts


class Report:
    """Writes to the terminal; without one it writes plain lines."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def starting(self, text: str) -> None:
        """Show what is being done now."""
        if self._console.is_terminal:
            self._console.print(f"  … {text}", end="\r", highlight=False)

    def done(self, text: str, seconds: float) -> None:
        """Show that a step is done and how long it took."""
        self._console.print(f"  [green]✓[/green] {text} [dim]{seconds:.1f} s[/dim]", highlight=False)

    def table(self, orders: Sequence[OrderFacts], trace_id: str) -> None:
        """Show the facts of each order, as the vendors' APIs gave them."""
        for order in orders:
            table = Table(
                title=f"Order {order.order_number} ({order.category})", title_justify="left", show_header=False
            )
            table.add_row("Salesforce order", order.order_id)
            table.add_row("Opportunity", order.opportunity_id)
            table.add_row(
                "WHMCS order / service / invoice", f"{order.whmcs_order_id} / {order.service_id} / {order.invoice_id}"
            )
            table.add_row("Invoice total", f"¥{order.invoice_total:,}")
            table.add_row("SIM line", order.line)
            table.add_row("Stages", "\n".join(f"{name}  +{seconds:.2f} s" for name, seconds in order.stages))
            table.add_row("Checkout's trace", trace_id or "–")
            self._console.print(table)

    def disagreements(self, lines: Sequence[str]) -> None:
        """Show where two systems disagree."""
        for line in lines:
            self._console.print(f"  [red]✗[/red] {line}", highlight=False)

    def failed(self, reason: str) -> None:
        """Show why the demo could not go on."""
        self._console.print(f"  [red]✗[/red] {reason}", highlight=False)
