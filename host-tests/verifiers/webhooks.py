"""Checks messages that the host has sent, with the official verifier of Standard Webhooks and the official SDK of
CloudEvents. Reads a JSON array of `{"secrets": [...], "wrong": "...", "headers": {...}, "body": "..."}` from the file
named first, and prints a line for each message."""

import json
import sys

from cloudevents.core.bindings import http
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

with open(sys.argv[1], encoding="utf-8") as file:
    messages = json.load(file)
for message in messages:
    headers, body = message["headers"], message["body"]
    for secret in message["secrets"]:
        Webhook(secret).verify(body, headers)
    refused = 0
    for secret, told in [(message["wrong"], body), (message["secrets"][0], body + " ")]:
        try:
            Webhook(secret).verify(told, headers)
        except WebhookVerificationError:
            refused += 1
    assert refused == 2, "a message is accepted that is not signed with this secret, or was changed"
    assert headers["content-type"] == "application/cloudevents+json", headers
    event = http.from_structured_event(http.HTTPMessage(headers=headers, body=body.encode()))
    assert event.get_specversion() == "1.0"
    assert event.get_id() == headers["webhook-id"], "the event's id is not the message's"
    assert event.get_datacontenttype() == "application/json"
    data = event.get_data()
    assert isinstance(data, dict) and event.get_time() is not None and event.get_source()
    print(event.get_type(), event.get_subject(), event.get_extension("sequence"), sorted(data))
