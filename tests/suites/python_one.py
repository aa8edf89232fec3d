"""Runs one module of CPython's test package in the guest, and prints a line for each test.

The suite copies this file into its folder. It imports nothing of toyvm's.
"""

import sys
import unittest


class Result(unittest.TestResult):
    """Prints a verdict and the name of each test, and the error of those that fail."""

    def say(self, verdict, test):
        sys.__stdout__.write(f"\n{verdict} {test.id()}\n")
        sys.__stdout__.flush()

    def addSuccess(self, test):
        self.say("pass", test)

    def addFailure(self, test, error):
        self.say("fail", test)
        sys.__stdout__.write(self._exc_info_to_string(error, test))

    addError = addFailure

    def addSkip(self, test, reason):
        self.say("skip", test)

    def addExpectedFailure(self, test, error):
        self.say("pass", test)

    def addUnexpectedSuccess(self, test):
        self.say("fail", test)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addFailure(subtest, error)


if __name__ == "__main__":
    from test import support

    support.use_resources = {}
    unittest.defaultTestLoader.loadTestsFromName("test." + sys.argv[1]).run(Result())
    print("\nend of module")
