"""A railway with a topic of its own on the run's broker, and the environment of its commands."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from services.producers.profile import Profile
from services.testbed.localstack.engine import BrokerAddress
from tests.support.producers.partner import partner


@pytest.fixture
def profile(broker: BrokerAddress) -> Profile:
    topic = f"cre.test.{uuid4().hex[:8]}.v1"
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    admin.close()
    return partner(topic)


@pytest.fixture
def environment(broker: BrokerAddress, profile: Profile, tmp_path: Path) -> dict[str, str]:
    profile.save(tmp_path / "partners")
    return {
        **os.environ,
        "LIANYUN_BOOTSTRAP": broker.bootstrap,
        "LIANYUN_PARTNERS": str(tmp_path / "partners"),
    }
