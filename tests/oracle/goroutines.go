// A thousand goroutines that meet at an atomic, a mutex, a channel, timers and the collector. The output depends on no schedule.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var total int64
	sum := 0
	ch := make(chan int, 10)
	done := make(chan int)
	go func() {
		s := 0
		for v := range ch {
			s += v
		}
		done <- s
	}()
	for i := 0; i < 1000; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			for j := 0; j < 10; j++ {
				atomic.AddInt64(&total, int64(j))
				runtime.Gosched()
			}
			mu.Lock()
			sum += i
			mu.Unlock()
			select {
			case ch <- i:
			case <-time.After(time.Hour):
				panic("late")
			}
			if i%100 == 0 {
				runtime.GC()
			}
			time.Sleep(time.Microsecond * time.Duration(i%7))
		}(i)
	}
	wg.Wait()
	close(ch)
	fmt.Println(<-done, sum, total)
}
