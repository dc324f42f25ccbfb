package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// disks are XFS file systems in sparse files, mounted over loop devices. XFS, because it grows online without
// CAP_SYS_RESOURCE; its least size is 300 MiB.
type disks struct{ directory string }

func (d disks) mountPoint(name string) string { return filepath.Join(d.directory, name) }
func (d disks) image(name string) string      { return filepath.Join(d.directory, name+".img") }

// Create makes and mounts a disk, and gives the place where it is mounted. What is there already is taken as it is.
func (d disks) Create(name string, size int64) (string, error) {
	image, path := d.image(name), d.mountPoint(name)
	if _, err := os.Stat(image); err != nil {
		// Under another name first: a half-made file system is never mounted.
		making := image + ".making"
		if err := makeFileSystem(making, size); err != nil {
			os.Remove(making)
			return "", err
		}
		if err := os.Rename(making, image); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", err
	}
	if run("mountpoint", "-q", path) == nil {
		return path, nil
	}
	return path, run("mount", "-o", "loop,nouuid", image, path)
}

func makeFileSystem(file string, size int64) error {
	handle, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := handle.Truncate(size); err != nil {
		return err
	}
	return run("mkfs.xfs", "-q", "-K", file)
}

// Grow enlarges a mounted disk while it is used.
func (d disks) Grow(name string, size int64) error {
	if err := os.Truncate(d.image(name), size); err != nil {
		return err
	}
	device, err := exec.Command("findmnt", "-n", "-o", "SOURCE", d.mountPoint(name)).Output()
	if err != nil {
		return fmt.Errorf("%s is not mounted: %w", name, err)
	}
	if err := run("losetup", "-c", strings.TrimSpace(string(device))); err != nil {
		return err
	}
	return run("xfs_growfs", "-d", d.mountPoint(name))
}

// Remove unmounts and deletes a disk; one that is gone already is not an error.
func (d disks) Remove(name string) error {
	if run("mountpoint", "-q", d.mountPoint(name)) == nil {
		if err := run("umount", d.mountPoint(name)); err != nil {
			return err
		}
	}
	for _, path := range []string{d.mountPoint(name), d.image(name)} {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

func run(name string, arguments ...string) error {
	output, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, output)
	}
	return nil
}
