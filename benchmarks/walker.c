/* SPDX-License-Identifier: Apache-2.0 */
/* The least that a change of owners can cost: read, ask, change.
 *
 * walker ROOT UID NEW GID NEW: every object below ROOT that has UID or GID
 * gets the new number.  It is neither safe nor careful: that is the point.
 * With NEW the same as the old number it only looks.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uid_t uid, new_uid;
static gid_t gid, new_gid;
static long seen, found;

static void look(int fd, const char *name, const struct stat *status)
{
	uid_t to_uid = status->st_uid == uid ? new_uid : status->st_uid;
	gid_t to_gid = status->st_gid == gid ? new_gid : status->st_gid;

	seen++;
	if (status->st_uid != uid && status->st_gid != gid)
		return;
	found++;
	if (to_uid == status->st_uid && to_gid == status->st_gid)
		return;
	if (fchownat(fd, name, to_uid, to_gid, AT_SYMLINK_NOFOLLOW))
		perror(name);
}

static void walk(int fd)
{
	DIR *folder = fdopendir(fd);
	struct dirent *entry;
	struct stat status;

	while ((entry = readdir(folder))) {
		const char *name = entry->d_name;

		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW))
			continue;
		look(fd, name, &status);
		if (S_ISDIR(status.st_mode))
			walk(openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
	}
	closedir(folder);
}

int main(int argc, char **argv)
{
	if (argc != 6)
		return 2;
	uid = atoi(argv[2]), new_uid = atoi(argv[3]);
	gid = atoi(argv[4]), new_gid = atoi(argv[5]);
	walk(open(argv[1], O_RDONLY | O_DIRECTORY));
	printf("%ld %ld\n", seen, found);
	return 0;
}
