//! What EFS tells of file systems, and what it takes.

operations! {
    /// Amazon EFS.
    efs: Efs;
    DescribeFileSystems Reads ["elasticfilesystem:DescribeFileSystems"] "GET /2015-02-01/file-systems?FileSystemId={FileSystemId}&MaxItems={MaxItems}&Marker={Marker}";
    DescribeLifecycleConfiguration Reads ["elasticfilesystem:DescribeLifecycleConfiguration"] "GET /2015-02-01/file-systems/{FileSystemId}/lifecycle-configuration";
    DescribeBackupPolicy Reads ["elasticfilesystem:DescribeBackupPolicy"] "GET /2015-02-01/file-systems/{FileSystemId}/backup-policy";
    DescribeFileSystemPolicy Reads ["elasticfilesystem:DescribeFileSystemPolicy"] "GET /2015-02-01/file-systems/{FileSystemId}/policy";
    DescribeReplicationConfigurations Reads ["elasticfilesystem:DescribeReplicationConfigurations"] "GET /2015-02-01/file-systems/replication-configurations?FileSystemId={FileSystemId}&MaxResults={MaxResults}&NextToken={NextToken}";
    DescribeAccessPoints Reads ["elasticfilesystem:DescribeAccessPoints"] "GET /2015-02-01/access-points?FileSystemId={FileSystemId}&MaxResults={MaxResults}&NextToken={NextToken}";
    DescribeMountTargets Reads ["elasticfilesystem:DescribeMountTargets"] "GET /2015-02-01/mount-targets?FileSystemId={FileSystemId}&MaxItems={MaxItems}&Marker={Marker}";
    DescribeMountTargetSecurityGroups Reads ["elasticfilesystem:DescribeMountTargetSecurityGroups"] "GET /2015-02-01/mount-targets/{MountTargetId}/security-groups";
    UpdateFileSystem Changes ["elasticfilesystem:UpdateFileSystem"] "PUT /2015-02-01/file-systems/{FileSystemId}";
    UpdateFileSystemProtection Changes ["elasticfilesystem:UpdateFileSystemProtection"] "PUT /2015-02-01/file-systems/{FileSystemId}/protection";
    PutLifecycleConfiguration Changes ["elasticfilesystem:PutLifecycleConfiguration"] "PUT /2015-02-01/file-systems/{FileSystemId}/lifecycle-configuration";
    PutBackupPolicy Changes ["elasticfilesystem:PutBackupPolicy"] "PUT /2015-02-01/file-systems/{FileSystemId}/backup-policy";
    PutFileSystemPolicy Changes ["elasticfilesystem:PutFileSystemPolicy"] "PUT /2015-02-01/file-systems/{FileSystemId}/policy";
    TagResource Changes ["elasticfilesystem:TagResource"] "POST /2015-02-01/resource-tags/{ResourceId}";
    CreateAccessPoint Creates ["elasticfilesystem:CreateAccessPoint", "elasticfilesystem:TagResource"] "POST /2015-02-01/access-points";
    CreateMountTarget Creates ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "elasticfilesystem:CreateMountTarget"] "POST /2015-02-01/mount-targets";
    DeleteFileSystem Changes ["elasticfilesystem:DeleteFileSystem"] "DELETE /2015-02-01/file-systems/{FileSystemId}";
}
