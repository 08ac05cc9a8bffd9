"""The small project that `slip demo` works on: a shop's prices, with the mistakes of a bad day."""

from __future__ import annotations

PRICES = '''\
"""Prices with tax."""

TAX = {"DE": 0.19, "FR": 0.20, "AT": 0.20}


def gross(net, country):
    return round(net * (1 + TAX[country]), 2)


def total(items, country):
    return sum(gross(net, country) for net in items)
'''

TEST_PRICES = """\
import unittest

from shop.prices import gross, total


class TestPrices(unittest.TestCase):
    def test_tax_is_added(self):
        self.assertEqual(gross(100, "DE"), 119)

    def test_a_total_is_rounded_once(self):
        self.assertEqual(total([0.04, 0.04, 0.04], "FR"), 0.14)

    def test_unknown_countries_pay_no_tax(self):
        self.assertEqual(gross(100, "CH"), 100)

    @unittest.skip("waits for the new rates")
    def test_rates_of_next_year(self):
        self.fail("not written")
"""

REPORT = '''\
"""Prints the report of one day."""

import json
import sys


def load(day):
    try:
        with open(f"data/{day}.json") as file:
            return json.load(file)
    except ValueError as error:
        raise RuntimeError(f"the sales of {day} cannot be read") from error


def main():
    sales = load(sys.argv[1])
    print("sold:", len(sales))


main()
'''

SALES = '[{"item": "tea", "net": 3.5},\n {"item": "cup", "net": }]\n'

IMPORT = '''\
"""Imports a supplier's list, and logs each line of it."""

import sys

ITEMS = 24_000
BROKEN = {9_337: "no price list", 15_204: "price -3.00 is below zero"}


def log(number, level, text):
    minutes, seconds = divmod(number // 20, 60)
    print(f"2026-03-02 06:{minutes:02}:{seconds:02},{number % 20 * 50:03} {level:5} import {text}")


def main():
    for number in range(1, ITEMS + 1):
        where = f"item {number} of supplier {number % 7}"
        if number in BROKEN:
            log(number, "ERROR", f"{where}: {BROKEN[number]}")
        else:
            log(number, "INFO", f"{where}: price and stock updated")
    log(ITEMS, "INFO", f"done: {ITEMS - len(BROKEN)} items, {len(BROKEN)} failed")
    return 1


sys.exit(main())
'''

LABELS = """\
#include <stdio.h>
#include "labels.h"

int main(void) {
    struct label one = {"tea", 350};
    print_label(&one)
    printf("%d labels\\n", count);
    return 0;
}
"""

LABELS_H = """\
struct label { const char *name; int cents; };

static inline void print_label(const struct label *one) {
    printf("%-20s %4d\\n", one->name, one->cents);
}
"""

MAKEFILE = """\
CFLAGS = -std=c11 -O1 -g -Wall -Wextra -Wshadow -Iinclude
PARTS = $(sort $(wildcard parts/*.c))
OBJECTS = $(PARTS:.c=.o) labels.o

labels: $(OBJECTS)
\t$(CC) $(CFLAGS) -o $@ $(OBJECTS)
"""

STOCK = """\
// Reads the stock and prints what has to be ordered.
const stock = { tea: { left: 2, least: 10 }, cup: null };

function missing(name) {
  return stock[name].least - stock[name].left;
}

for (const name of Object.keys(stock)) {
  console.log(`order ${missing(name)} of ${name}`);
}
"""

RATES = """\
import unittest

from shop.prices import TAX, gross


class TestRates(unittest.TestCase):
    pass


def make(country, net):
    def test(self):
        self.assertAlmostEqual(gross(net, country), net * (1 + TAX[country]), delta=0.005)

    return test


for country in TAX:
    for net in range(1, 81):
        setattr(TestRates, f"test_{country}_{net}", make(country, net))
"""

FILES = {
    "shop/__init__.py": "",
    "shop/prices.py": PRICES,
    "tests/__init__.py": "",
    "tests/test_prices.py": TEST_PRICES,
    "tests/test_rates.py": RATES,
    "report.py": REPORT,
    "data/monday.json": SALES,
    "import_list.py": IMPORT,
    "labels.c": LABELS,
    "include/labels.h": LABELS_H,
    "Makefile": MAKEFILE,
    "stock.js": STOCK,
    **{f"parts/part{n:02}.c": f"int part{n:02}(int x) {{ return x + {n}; }}\n" for n in range(20)},
}
"""File name to text."""
