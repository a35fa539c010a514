//go:build !linux

package embedded

import "syscall"

// dieWithParent does nothing: only Linux can. The next Start stops the orphan.
func dieWithParent(*syscall.SysProcAttr) {}
