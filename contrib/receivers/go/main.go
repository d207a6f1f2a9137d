// Receives webhooks over mTLS, verifies them, handles each event once. ../README.md has the rules and how to start it.
package main

import (
	"container/list"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const bodyMax = 1024*1024 + 64*1024 // 1 MiB of data and what is around it

var rememberedMax = 100_000

type event struct {
	Type     string  `json:"type"`
	Object   *string `json:"object"`
	ObjectID *string `json:"object_id"`
	Sequence uint64  `json:"sequence"`
}

// bounded forgets what was written longest ago.
type bounded[V any] struct {
	values map[string]V
	places map[string]*list.Element
	order  list.List
}

func newBounded[V any]() *bounded[V] {
	return &bounded[V]{values: map[string]V{}, places: map[string]*list.Element{}}
}

func (b *bounded[V]) set(key string, value V) {
	if place, known := b.places[key]; known {
		b.order.MoveToBack(place)
	} else {
		b.places[key] = b.order.PushBack(key)
	}
	b.values[key] = value
	if b.order.Len() > rememberedMax {
		oldest := b.order.Remove(b.order.Front()).(string)
		delete(b.values, oldest)
		delete(b.places, oldest)
	}
}

// In production both are in your database: a table with a unique webhook-id, a column `sequence` beside your copy of the
// object, written in the same transaction as your change. Here they are forgotten with the process.
var (
	seen       = newBounded[bool]()
	newest     = newBounded[uint64]()
	oneAtATime sync.Mutex
)

func handle(webhookID string, body []byte) error {
	var event event
	if err := json.Unmarshal(body, &event); err != nil {
		return err
	}
	shown, err := json.Marshal([]any{event.Type, event.Object, event.ObjectID, event.Sequence})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%q %q", text(event.Object), text(event.ObjectID))
	oneAtATime.Lock()
	defer oneAtATime.Unlock()
	outcome := "new"
	switch {
	case seen.values[webhookID]:
		outcome = "repeat"
	case event.Object != nil && newest.values[what] >= event.Sequence:
		outcome = "late" // An event has all of its object, so an older one has nothing to add.
	default:
		newest.set(what, event.Sequence) // Your change goes here, or a row in your own queue if it may take seconds.
	}
	seen.set(webhookID, true)
	fmt.Println(outcome, webhookID, string(shown))
	return nil
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

type receiver struct {
	webhooks   []*standardwebhooks.Webhook
	clientName string
}

func (r receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	refuse := func(status int, reason any) {
		fmt.Println("refused", status, reason)
		w.Header().Set("Connection", "close")
		w.WriteHeader(status)
	}
	// The CA may sign others too: the name says who it is. Without CLIENT_NAME anybody with its certificate may send.
	sender := request.TLS.PeerCertificates[0]
	names := append([]string{sender.Subject.CommonName}, sender.DNSNames...)
	switch {
	case r.clientName != "" && !slices.Contains(names, r.clientName):
		refuse(http.StatusForbidden, "a certificate of another name")
		return
	case request.Method != http.MethodPost:
		refuse(http.StatusMethodNotAllowed, "not a POST")
		return
	case request.ContentLength < 0:
		refuse(http.StatusLengthRequired, "no length")
		return
	case request.ContentLength > bodyMax:
		refuse(http.StatusRequestEntityTooLarge, "a body that is too large")
		return
	}
	body, err := io.ReadAll(request.Body) // The bytes that were signed: verify first, parse then.
	if err != nil {
		refuse(http.StatusBadRequest, err) // The sender went away in the middle.
		return
	}
	err = errors.New("no secret")
	for _, webhook := range r.webhooks {
		if err = webhook.Verify(body, request.Header); err == nil {
			break
		}
	}
	if err != nil {
		refuse(http.StatusUnauthorized, err)
		return
	}
	if err := handle(request.Header.Get(standardwebhooks.HeaderWebhookID), body); err != nil {
		refuse(http.StatusInternalServerError, err) // Not handled, so it comes again.
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func main() {
	receiver := receiver{clientName: os.Getenv("CLIENT_NAME")}
	if most := os.Getenv("REMEMBERED_MAX"); most != "" {
		number, err := strconv.Atoi(most)
		check(err)
		rememberedMax = number
	}
	// Two secrets, separated by a blank, while one replaces the other: either will do.
	for _, secret := range strings.Fields(os.Getenv("WEBHOOK_SECRET")) {
		webhook, err := standardwebhooks.NewWebhook(secret)
		if err == nil && secret == "whsec_" {
			err = errors.New("WEBHOOK_SECRET is empty")
		}
		check(err)
		receiver.webhooks = append(receiver.webhooks, webhook)
	}
	if len(receiver.webhooks) == 0 {
		log.Fatal("WEBHOOK_SECRET is empty")
	}
	ca, err := os.ReadFile(os.Getenv("CLIENT_CA"))
	check(err)
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(ca) {
		log.Fatal("CLIENT_CA holds no certificate")
	}
	server := &http.Server{
		Handler:     receiver,
		TLSConfig:   &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS12},
		ReadTimeout: time.Minute, // From the handshake to the end of the body.
		IdleTimeout: time.Minute, // For the next event on an open connection.
	}
	listener, err := net.Listen("tcp", ":"+os.Getenv("PORT"))
	check(err)
	fmt.Println("listening on port", listener.Addr().(*net.TCPAddr).Port)
	stop, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	go func() {
		if err := server.ServeTLS(listener, os.Getenv("TLS_CRT"), os.Getenv("TLS_KEY")); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()
	<-stop.Done()
	// Whoever is in the middle of an event ends it; what was not answered comes again.
	limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = server.Shutdown(limit)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
