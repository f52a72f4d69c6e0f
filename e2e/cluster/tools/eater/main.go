// Runs in the pods of a test node, where it is the only file of its image. It ends on SIGTERM.
//
//	eater                      waits: what keeps a pod's namespaces
//	eater LOW HIGH SECONDS     uses LOW MiB of memory for so many seconds, then HIGH MiB, and so on
package main

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	if len(os.Args) < 4 {
		<-end
		return
	}
	low, high, seconds := number(1), number(2), number(3)
	use(low)
	for {
		wait(end, seconds)
		more := use(high - low)
		wait(end, seconds)
		if err := syscall.Munmap(more); err != nil {
			fail(err)
		}
	}
}

func number(at int) int {
	n, err := strconv.Atoi(os.Args[at])
	if err != nil {
		fail(err)
	}
	return n
}

// Memory that the kernel has really given: each page is written to.
func use(mebibytes int) []byte {
	memory, err := syscall.Mmap(-1, 0, mebibytes<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		fail(err)
	}
	for at := 0; at < len(memory); at += 4096 {
		memory[at] = 1
	}
	println("uses", mebibytes, "MiB more")
	return memory
}

func wait(end chan os.Signal, seconds int) {
	select {
	case <-end:
		os.Exit(0)
	case <-time.After(time.Duration(seconds) * time.Second):
	}
}

func fail(err error) {
	println(err.Error())
	os.Exit(1)
}
