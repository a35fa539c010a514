package embedded

import "syscall"

// dieWithParent has the kernel ask the process for a fast shutdown when we are gone,
// even by kill -9. It holds although the process changes its user: Go sets it after
// setuid, and the exec of a program without setuid bits or capabilities keeps it.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
