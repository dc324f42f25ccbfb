"""What the demo says while it works: one line a step, how long it should take and how long it took."""

import sys
import time


class Failed(Exception):
    """A step did not hold. `look` is the command that shows more."""

    def __init__(self, what, look=""):
        super().__init__(what)
        self.look = look


class Steps:
    def __init__(self, plan):
        self.plan = plan
        self.number = 0
        self.started = time.monotonic()

    def introduce(self):
        total = sum(seconds for _, seconds in self.plan)
        print("The demo does these steps, about %d minutes in all:" % round(total / 60))
        for i, (text, seconds) in enumerate(self.plan, 1):
            print("  %2d. %-76s %4d s" % (i, text, seconds))
        sys.stdout.flush()

    def run(self, work):
        """Runs the next step; returns what `work` returns."""
        text, expected = self.plan[self.number]
        self.number += 1
        print("\n[%2d/%d] %s (about %d s)" % (self.number, len(self.plan), text, expected), flush=True)
        begin = time.monotonic()
        result = work()
        print("        done in %.1f s" % (time.monotonic() - begin), flush=True)
        return result

    def seconds(self):
        return time.monotonic() - self.started


def say(text):
    print("        " + text, flush=True)


def wait_for(what, seconds, ask, look=""):
    """Asks until the answer is true; the last answer is in the message. `ask` returns (done, seen)."""
    deadline = time.monotonic() + seconds
    pause = 0.2
    while True:
        done, seen = ask()
        if done:
            return seen
        if time.monotonic() > deadline:
            raise Failed("%s did not happen within %d s; last seen: %s" % (what, seconds, seen), look)
        time.sleep(pause)
        pause = min(pause * 1.5, 2)
