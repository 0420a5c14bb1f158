// The other end of the tests and benchmarks of libs/yamux: the Go implementation.
//
// Use: go-peer ROLE WORK ARGUMENTS, with a connected stream socket as standard input.
//
//	ROLE  client or server
//	WORK  echo STREAMS SEED    echoes every stream the other side opens, opens STREAMS of its
//	                           own, sends random data and checks its echo; prints "done"
//	      sink                 reads from every stream the number of bytes that its first
//	                           eight say and answers with one byte
//	      source STREAMS BYTES sends BYTES over STREAMS streams to a sink; prints nanoseconds
//	      open COUNT           opens COUNT streams to a sink one after the other, each with one
//	                           byte and its answer; prints nanoseconds
//
// Ends with status 0 when the session ends and all was right. A stream is closed here only when
// nothing is to be read from it any more: a Stream of this implementation that was closed for
// writing reads as ended.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "go-peer: "+format+"\n", args...)
	os.Exit(1)
}

func number(index int) int {
	if len(os.Args) <= index {
		fail("argument %d is missing", index)
	}
	value, err := strconv.Atoi(os.Args[index])
	if err != nil {
		fail("argument %d is %q, not a number", index, os.Args[index])
	}
	return value
}

func openSession(role string) *yamux.Session {
	file := os.Stdin
	conn, err := net.FileConn(file)
	if err != nil {
		fail("standard input is no socket: %v", err)
	}
	file.Close()
	config := yamux.DefaultConfig()
	config.EnableKeepAlive = false
	// A busy machine may hold up either peer for longer than the library's ten seconds.
	config.ConnectionWriteTimeout = 2 * time.Minute
	config.LogOutput = io.Discard
	open := yamux.Server
	if role == "client" {
		open = yamux.Client
	}
	session, err := open(conn, config)
	if err != nil {
		fail("no session: %v", err)
	}
	return session
}

// Calls handle for each stream the other side opens, until the session ends.
func accept(session *yamux.Session, handle func(*yamux.Stream)) {
	for {
		stream, err := session.AcceptStream()
		if err != nil {
			return
		}
		go handle(stream)
	}
}

// Half-closes when the other side has: the rest of the echo is still on its way then. An error
// is a reset by the other side, which its test does on purpose.
func echo(stream *yamux.Stream) {
	io.Copy(stream, stream)
	stream.Close()
}

func sink(stream *yamux.Stream) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(stream, head); err != nil {
		return
	}
	io.CopyN(io.Discard, stream, int64(binary.BigEndian.Uint64(head)))
	stream.Write([]byte{1})
	stream.Close()
}

func checkEcho(session *yamux.Session, seed int64) {
	random := rand.New(rand.NewSource(seed))
	data := make([]byte, random.Intn(600*1024))
	random.Read(data)
	stream, err := session.OpenStream()
	if err != nil {
		fail("cannot open a stream: %v", err)
	}
	go func() {
		for rest := data; len(rest) > 0; {
			size := 1 + random.Intn(len(rest))
			if _, err := stream.Write(rest[:size]); err != nil {
				fail("cannot write to stream %d: %v", stream.StreamID(), err)
			}
			rest = rest[size:]
		}
	}()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(stream, got); err != nil || !bytes.Equal(got, data) {
		fail("stream %d: sent %d bytes, got others back (%v)", stream.StreamID(), len(data), err)
	}
	stream.Close()
}

func runEcho(session *yamux.Session, streams int, seed int) {
	go accept(session, echo)
	var group sync.WaitGroup
	for i := 0; i < streams; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			checkEcho(session, int64(seed+i))
		}(i)
	}
	group.Wait()
	fmt.Println("done")
	<-session.CloseChan()
}

func send(session *yamux.Session, size int) {
	stream, err := session.OpenStream()
	if err != nil {
		fail("cannot open a stream: %v", err)
	}
	data := make([]byte, 64*1024)
	binary.BigEndian.PutUint64(data, uint64(size))
	if _, err := stream.Write(data[:8]); err != nil {
		fail("cannot write: %v", err)
	}
	for size > 0 {
		if size < len(data) {
			data = data[:size]
		}
		count, err := stream.Write(data)
		if err != nil {
			fail("cannot write: %v", err)
		}
		size -= count
	}
	if _, err := io.ReadFull(stream, data[:1]); err != nil {
		fail("no answer: %v", err)
	}
	stream.Close()
}

func runSource(session *yamux.Session, streams int, size int) {
	begin := time.Now()
	var group sync.WaitGroup
	for i := 0; i < streams; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			send(session, size/streams)
		}()
	}
	group.Wait()
	fmt.Println(time.Since(begin).Nanoseconds())
}

func runOpen(session *yamux.Session, count int) {
	begin := time.Now()
	for i := 0; i < count; i++ {
		send(session, 1)
	}
	fmt.Println(time.Since(begin).Nanoseconds())
}

func main() {
	if len(os.Args) < 3 {
		fail("use: go-peer ROLE WORK ARGUMENTS")
	}
	session := openSession(os.Args[1])
	switch os.Args[2] {
	case "echo":
		runEcho(session, number(3), number(4))
	case "sink":
		accept(session, sink)
	case "source":
		runSource(session, number(3), number(4))
	case "open":
		runOpen(session, number(3))
	default:
		fail("unknown work %q", os.Args[2])
	}
}
