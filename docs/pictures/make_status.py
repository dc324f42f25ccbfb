#!/usr/bin/env python3
"""make_status.py: draws docs/pictures/status-page*.png from the reviewed page in tests/golden, with Chromium."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/support"))
import browser  # noqa: E402

PICTURES = [("status-page", "1240,1560", "1"), ("status-page-phone", "500,1900", "0")]  # 0: dark


def main():
    if browser.program() is None:
        print("chromium is missing: make deps")
        return 1
    page = os.path.join(ROOT, "tests/golden/operator/status_page.html")
    for name, size, colours in PICTURES:
        path = os.path.join(ROOT, "docs/pictures", name + ".png")
        browser.run(["--window-size=" + size, "--blink-settings=preferredColorScheme=" + colours, "--screenshot=" + path], "file://" + page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
