"""Kafka and Postgres as plain processes on this machine, for the demo, the tests and the proofs."""

from services.testbed.localstack.broker import Broker
from services.testbed.localstack.database import Database, fresh_database
from services.testbed.localstack.process import StackError
from services.testbed.localstack.stack import LocalStack

__all__ = ["Broker", "Database", "LocalStack", "StackError", "fresh_database"]
