package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"
)

// startWait is how long the broker may take to accept connections.
const startWait = 30 * time.Second

// server is the broker as a child process, always at the same port and on the same data.
type server struct {
	binary, data, durability string
	port                     int
	log                      *os.File
	mutex                    sync.Mutex
	command                  *exec.Cmd
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func newServer(binary, data, durability string) (*server, error) {
	if err := os.RemoveAll(data); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(data + ".log")
	if err != nil {
		return nil, err
	}
	return &server{binary: binary, data: data, durability: durability, port: port, log: log}, nil
}

func (s *server) address() string {
	return fmt.Sprintf("127.0.0.1:%d", s.port)
}

func (s *server) start() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	arguments := []string{s.data, fmt.Sprint(s.port), "1"}
	if s.durability == "power" {
		arguments = append(arguments, "power")
	}
	command := exec.Command(s.binary, arguments...)
	command.Stdout, command.Stderr = s.log, s.log
	if err := command.Start(); err != nil {
		return err
	}
	s.command = command
	return nil
}

func (s *server) waitReady() error {
	deadline := time.Now().Add(startWait)
	for {
		connection, err := net.DialTimeout("tcp", s.address(), time.Second)
		if err == nil {
			return connection.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the broker does not accept connections: %w", err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// kill ends the process without giving it a chance to write anything.
func (s *server) kill() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.command != nil {
		_ = s.command.Process.Kill()
		_ = s.command.Wait()
		s.command = nil
	}
}
