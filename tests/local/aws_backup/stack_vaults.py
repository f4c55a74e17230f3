"""CloudFormation's `AWS::Backup::BackupVault`: vaults of a stack, with lock, access policy, notifications and tags."""

from __future__ import annotations

import json
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation.provisioners import _physical_name

from tests.local.aws_backup import keys
from tests.local.aws_backup.state import DAY_S, Lock, Place, Vault, World

Properties = dict[str, Any]
# What GetAtt gives, after the physical id.
Made = tuple[str, dict[str, str]]


class StackVaults:
    """The resource type's handlers, as MiniStack's CloudFormation wants them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def handlers(self) -> dict[str, Any]:
        return {"create": self.create, "update": self.update, "update_with_logical_id": True, "delete": self.delete}

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Made:
        place = Place(get_account_id(), get_region())
        name = properties.get("BackupVaultName") or _physical_name(stack_name, logical_id, max_len=50)
        vaults = self._world.scope(place).vaults
        if name in vaults:
            raise ValueError(f"Backup vault with the same name already exists: {name}")
        key = properties.get("EncryptionKeyArn") or keys.default_key(place)
        vaults[name] = Vault(name, place, key, self._world.now(place))
        self._configure(vaults[name], properties)
        return self._made(vaults[name])

    def update(
        self, physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str | None = None
    ) -> Made:
        place = Place(get_account_id(), get_region())
        replaced = any(old.get(name) != new.get(name) for name in ("BackupVaultName", "EncryptionKeyArn"))
        if replaced:
            return self.create(logical_id or physical_id, new, stack_name)
        vault = self._world.scope(place).vaults[physical_id]
        self._configure(vault, new)
        return self._made(vault)

    def delete(self, physical_id: str, properties: Properties) -> None:
        vaults = self._world.scope(Place(get_account_id(), get_region())).vaults
        if physical_id in vaults and vaults[physical_id].points:
            raise ValueError("Backup vault cannot be deleted because it contains recovery points.")
        vaults.pop(physical_id, None)

    def _configure(self, vault: Vault, properties: Properties) -> None:
        tags = properties.get("BackupVaultTags") or {}
        vault.tags = {tag["Key"]: tag["Value"] for tag in tags} if isinstance(tags, list) else dict(tags)
        policy = properties.get("AccessPolicy")
        vault.policy = json.dumps(policy) if isinstance(policy, dict) else policy
        watched = properties.get("Notifications")
        vault.notifications = watched and {name: watched[name] for name in ("SNSTopicArn", "BackupVaultEvents")}
        if vault.lock is None or not vault.lock.immutable(self._world.now(vault.place)):
            vault.lock = self._lock(vault.place, properties.get("LockConfiguration"))

    def _lock(self, place: Place, wanted: Properties | None) -> Lock | None:
        if not wanted:
            return None
        least, most, changeable_for = (
            None if wanted.get(name) is None else int(wanted[name])
            for name in ("MinRetentionDays", "MaxRetentionDays", "ChangeableForDays")
        )
        return Lock(least, most, None if changeable_for is None else self._world.now(place) + changeable_for * DAY_S)

    @staticmethod
    def _made(vault: Vault) -> Made:
        return vault.name, {"BackupVaultArn": vault.arn, "BackupVaultName": vault.name}
