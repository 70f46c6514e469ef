"""What the browser tests share: bringing an element into view."""

from playwright.sync_api import Locator


def scroll_to(locator: Locator) -> None:
    """Bring an element into view at once.

    Playwright's `scroll_into_view_if_needed` first waits for two frames in which the element stands still; beside a
    training on the same cores that took over 30 seconds once.
    """
    locator.evaluate("element => element.scrollIntoView({ block: 'center' })")
