//! AWS Backup, and RDS, whose data it keeps.

operations! {
    /// AWS Backup.
    backup: Backup;
    StartBackupJob Changes ["backup:StartBackupJob", "iam:PassRole"] "PUT /backup-jobs";
    DescribeBackupJob Reads ["backup:DescribeBackupJob"] "GET /backup-jobs/{BackupJobId}";
    ListBackupJobs Reads ["backup:ListBackupJobs"] "GET /backup-jobs/?state={ByState}&resourceArn={ByResourceArn}&maxResults={MaxResults}&nextToken={NextToken}";
    DescribeRecoveryPoint Reads ["backup:DescribeRecoveryPoint"] "GET /backup-vaults/{BackupVaultName}/recovery-points/{RecoveryPointArn}";
    ListRecoveryPointsByResource Reads ["backup:ListRecoveryPointsByResource"] "GET /resources/{ResourceArn}/recovery-points/?maxResults={MaxResults}&nextToken={NextToken}";
    ListRecoveryPointsByBackupVault Reads ["backup:ListRecoveryPointsByBackupVault"] "GET /backup-vaults/{BackupVaultName}/recovery-points/?maxResults={MaxResults}&nextToken={NextToken}";
    ListTags Reads ["backup:ListTags"] "GET /tags/{ResourceArn}/?maxResults={MaxResults}&nextToken={NextToken}";
    StartCopyJob Changes ["backup:CopyFromBackupVault", "backup:StartCopyJob", "iam:PassRole"] "PUT /copy-jobs";
    DescribeCopyJob Reads ["backup:DescribeCopyJob"] "GET /copy-jobs/{CopyJobId}";
    ListCopyJobs Reads ["backup:ListCopyJobs"] "GET /copy-jobs/?state={ByState}&maxResults={MaxResults}&nextToken={NextToken}";
    UpdateRecoveryPointLifecycle Changes ["backup:UpdateRecoveryPointLifecycle"] "POST /backup-vaults/{BackupVaultName}/recovery-points/{RecoveryPointArn}";
    DeleteRecoveryPoint Changes ["backup:DeleteRecoveryPoint"] "DELETE /backup-vaults/{BackupVaultName}/recovery-points/{RecoveryPointArn}";
    DisassociateRecoveryPoint Changes ["backup:DisassociateRecoveryPoint"] "POST /backup-vaults/{BackupVaultName}/recovery-points/{RecoveryPointArn}/disassociate";
    ListLegalHolds Reads ["backup:ListLegalHolds"] "GET /legal-holds/?maxResults={MaxResults}&nextToken={NextToken}";
    ListRecoveryPointsByLegalHold Reads ["backup:ListRecoveryPointsByLegalHold"] "GET /legal-holds/{LegalHoldId}/recovery-points?maxResults={MaxResults}&nextToken={NextToken}";
    GetRecoveryPointRestoreMetadata Reads ["backup:GetRecoveryPointRestoreMetadata"] "GET /backup-vaults/{BackupVaultName}/recovery-points/{RecoveryPointArn}/restore-metadata";
    StartRestoreJob Changes ["backup:StartRestoreJob", "iam:PassRole"] "PUT /restore-jobs";
    DescribeRestoreJob Reads ["backup:DescribeRestoreJob"] "GET /restore-jobs/{RestoreJobId}";
    PutRestoreValidationResult Changes ["backup:PutRestoreValidationResult"] "PUT /restore-jobs/{RestoreJobId}/validations";
    DescribeBackupVault Reads ["backup:DescribeBackupVault"] "GET /backup-vaults/{BackupVaultName}";
    CreateBackupVault Creates ["backup:CreateBackupVault", "backup:TagResource"] "PUT /backup-vaults/{BackupVaultName}";
    PutBackupVaultLockConfiguration Changes ["backup:PutBackupVaultLockConfiguration"] "PUT /backup-vaults/{BackupVaultName}/vault-lock";
    DescribeGlobalSettings Reads ["backup:DescribeGlobalSettings"] "GET /global-settings";
    ListBackupPlans Reads ["backup:ListBackupPlans"] "GET /backup/plans/?maxResults={MaxResults}&nextToken={NextToken}";
    GetBackupPlan Reads ["backup:GetBackupPlan"] "GET /backup/plans/{BackupPlanId}/";
    CreateBackupPlan Changes ["backup:CreateBackupPlan", "backup:TagResource"] "PUT /backup/plans/";
    UpdateBackupPlan Changes ["backup:UpdateBackupPlan"] "POST /backup/plans/{BackupPlanId}";
    DeleteBackupPlan Changes ["backup:DeleteBackupPlan"] "DELETE /backup/plans/{BackupPlanId}";
    ListBackupSelections Reads ["backup:ListBackupSelections"] "GET /backup/plans/{BackupPlanId}/selections/?maxResults={MaxResults}&nextToken={NextToken}";
    GetBackupSelection Reads ["backup:GetBackupSelection"] "GET /backup/plans/{BackupPlanId}/selections/{SelectionId}";
    CreateBackupSelection Changes ["backup:CreateBackupSelection", "iam:PassRole"] "PUT /backup/plans/{BackupPlanId}/selections/";
    DeleteBackupSelection Changes ["backup:DeleteBackupSelection"] "DELETE /backup/plans/{BackupPlanId}/selections/{SelectionId}";
    TagResource Changes ["backup:TagResource"] "POST /tags/{ResourceArn}";
    DescribeRegionSettings Reads ["backup:DescribeRegionSettings"] "GET /account-settings";
}

operations! {
    /// Amazon RDS.
    rds: Rds;
    DescribeDBInstances Reads ["rds:DescribeDBInstances"];
    DescribeDBClusters Reads ["rds:DescribeDBClusters"];
    DescribeDBParameters Reads ["rds:DescribeDBParameters"];
    DescribeDBParameterGroups Reads ["rds:DescribeDBParameterGroups"];
    DescribeDBClusterParameters Reads ["rds:DescribeDBClusterParameters"];
    DescribeDBClusterParameterGroups Reads ["rds:DescribeDBClusterParameterGroups"];
    DescribeOptionGroups Reads ["rds:DescribeOptionGroups"];
    DescribeDBSubnetGroups Reads ["rds:DescribeDBSubnetGroups"];
    ListTagsForResource Reads ["rds:ListTagsForResource"];
    CreateDBInstance Creates ["rds:AddTagsToResource", "rds:CreateDBInstance"];
    ModifyDBInstance Changes ["iam:PassRole", "rds:ModifyDBInstance"];
    ModifyDBCluster Changes ["iam:PassRole", "rds:ModifyDBCluster"];
    AddTagsToResource Changes ["rds:AddTagsToResource"];
    DeleteDBInstance Changes ["rds:DeleteDBInstance"];
    DeleteDBCluster Changes ["rds:DeleteDBCluster"];
}
