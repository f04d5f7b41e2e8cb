"""Adds up a file of orders by month, without anything of the host: orders, revenue, members who bought (each once a day),
of these those who bought on their first day, and those who had bought on an earlier one. Reads lines of customer, date
(YYYYMMDD), quantity and amount from the file named first, and prints a JSON object of months."""

import json
import sys
from collections import defaultdict
from decimal import Decimal

rows = []
with open(sys.argv[1], encoding="ascii") as file:
    for line in file:
        fields = line.split()
        if fields:
            customer, date, _, amount = fields
            rows.append((customer, date, int(Decimal(amount) * 100)))

first = {}
for customer, date, _ in rows:
    first[customer] = min(date, first.get(customer, date))

months = defaultdict(lambda: dict.fromkeys(
    ["orders", "revenue_minor", "members_active", "first_days", "members_returning"], 0))
for customer, date, minor in rows:
    month = months[date[:4] + "-" + date[4:6]]
    month["orders"] += 1
    month["revenue_minor"] += minor
for customer, date in {(customer, date) for customer, date, _ in rows}:
    month = months[date[:4] + "-" + date[4:6]]
    month["members_active"] += 1
    month["first_days" if first[customer] == date else "members_returning"] += 1

print(json.dumps({"customers": len(first), "months": months}))
