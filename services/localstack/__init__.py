"""Kafka and Postgres as plain processes on this machine, for the demo, the tests and the proofs."""

from services.localstack.broker import Broker
from services.localstack.database import Database, fresh_database
from services.localstack.errors import StackError
from services.localstack.stack import LocalStack

__all__ = ["Broker", "Database", "LocalStack", "StackError", "fresh_database"]
