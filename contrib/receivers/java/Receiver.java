// Receives webhooks over mTLS, verifies them, handles each event once. ../README.md has the rules and how to start it.
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.standardwebhooks.Webhook;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsExchange;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import javax.naming.ldap.LdapName;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Receiver {
    static final int BODY_MAX = 1024 * 1024 + 64 * 1024; // 1 MiB of data and what is around it
    static final int REMEMBERED_MAX = Integer.parseInt(System.getenv().getOrDefault("REMEMBERED_MAX", "100000"));

    static class Bounded<V> extends LinkedHashMap<String, V> {
        @Override
        public V put(String key, V value) {
            var before = remove(key); // What is written again comes last.
            super.put(key, value);
            return before;
        }

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, V> oldest) {
            return size() > REMEMBERED_MAX;
        }
    }

    // In production both are in your database: a table with a unique webhook-id, a column `sequence` beside your copy of the
    // object, written in the same transaction as your change. Here they are forgotten with the process.
    static final Map<String, Boolean> seen = new Bounded<>();
    static final Map<String, Long> newest = new Bounded<>();
    static final List<Webhook> webhooks = new ArrayList<>();
    static final String clientName = System.getenv("CLIENT_NAME");

    static synchronized void handle(String webhookId, JsonObject event) {
        var what = event.get("object") + " " + event.get("object_id");
        var sequence = event.get("sequence").getAsLong();
        String outcome;
        if (seen.containsKey(webhookId)) {
            outcome = "repeat";
        } else if (!event.get("object").isJsonNull() && newest.getOrDefault(what, 0L) >= sequence) {
            outcome = "late"; // An event has all of its object, so an older one has nothing to add.
        } else {
            outcome = "new"; // Your change goes here, or a row in your own queue if it may take seconds.
            newest.put(what, sequence);
        }
        seen.put(webhookId, true);
        var shown = new JsonArray();
        for (var field : List.of("type", "object", "object_id", "sequence")) shown.add(event.get(field));
        System.out.println(outcome + " " + webhookId + " " + shown);
    }

    static void receive(HttpsExchange exchange) throws Exception {
        // The CA may sign others too: the name says who it is. Without CLIENT_NAME anybody with its certificate may send.
        var sender = (X509Certificate) exchange.getSSLSession().getPeerCertificates()[0];
        var length = exchange.getRequestHeaders().getFirst("Content-Length");
        if (clientName != null && !names(sender).contains(clientName)) {
            refuse(exchange, 403, "a certificate of another name");
        } else if (!exchange.getRequestMethod().equals("POST")) {
            refuse(exchange, 405, "not a POST");
        } else if (length == null) {
            refuse(exchange, 411, "no length");
        } else if (Long.parseLong(length) > BODY_MAX) {
            refuse(exchange, 413, "a body that is too large");
        } else {
            // The bytes that were signed, and they are UTF-8: verify first, parse then.
            var body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            var headers = HttpHeaders.of(exchange.getRequestHeaders(), (name, value) -> true);
            var reason = refusal(body, headers);
            if (reason != null) {
                refuse(exchange, 401, reason);
                return;
            }
            handle(headers.firstValue("webhook-id").orElseThrow(), JsonParser.parseString(body).getAsJsonObject());
            exchange.sendResponseHeaders(204, -1);
        }
    }

    // Why the body was not signed with any of the secrets, or null.
    static String refusal(String body, HttpHeaders headers) {
        String reason = null;
        for (var webhook : webhooks) {
            try {
                webhook.verify(body, headers);
                return null;
            } catch (Exception problem) {
                reason = problem.getMessage();
            }
        }
        return String.valueOf(reason);
    }

    static void refuse(HttpExchange exchange, int status, String reason) throws IOException {
        System.out.println("refused " + status + " " + reason);
        exchange.getResponseHeaders().set("Connection", "close");
        exchange.sendResponseHeaders(status, -1);
    }

    static List<String> names(X509Certificate certificate) throws Exception {
        var names = new ArrayList<String>();
        for (var part : new LdapName(certificate.getSubjectX500Principal().getName()).getRdns()) {
            if (part.getType().equals("CN")) names.add(part.getValue().toString());
        }
        var others = certificate.getSubjectAlternativeNames();
        if (others != null) {
            for (var other : others) if (other.get(0).equals(2)) names.add((String) other.get(1)); // 2 is a DNS name.
        }
        return names;
    }

    static SSLContext tls(Path certificate, Path key, Path clientCa) throws Exception {
        var store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        var chain = certificates(certificate);
        // PKCS#8, "BEGIN PRIVATE KEY": openssl pkcs8 -topk8 -nocrypt makes it of any other.
        var der = Base64.getMimeDecoder().decode(Files.readString(key).replaceAll("-----.*-----", ""));
        var factory = KeyFactory.getInstance(chain[0].getPublicKey().getAlgorithm());
        store.setKeyEntry("receiver", factory.generatePrivate(new PKCS8EncodedKeySpec(der)), new char[0], chain);
        var keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(store, new char[0]);
        var trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        for (var ca : certificates(clientCa)) trusted.setCertificateEntry("ca " + trusted.size(), ca);
        var trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        var tls = SSLContext.getInstance("TLS");
        tls.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return tls;
    }

    static Certificate[] certificates(Path pem) throws Exception {
        try (var file = Files.newInputStream(pem)) {
            return CertificateFactory.getInstance("X.509").generateCertificates(file).toArray(new Certificate[0]);
        }
    }

    public static void main(String[] arguments) throws Exception {
        var env = System.getenv();
        System.setProperty("sun.net.httpserver.maxReqTime", "60"); // Seconds, for a whole request.
        System.setProperty("sun.net.httpserver.drainAmount", "0"); // What was refused is not read.
        // Two secrets, separated by a blank, while one replaces the other: either will do.
        for (var secret : env.get("WEBHOOK_SECRET").trim().split("\\s+")) webhooks.add(new Webhook(secret));
        var tls = tls(Path.of(env.get("TLS_CRT")), Path.of(env.get("TLS_KEY")), Path.of(env.get("CLIENT_CA")));
        var server = HttpsServer.create(new InetSocketAddress(Integer.parseInt(env.get("PORT"))), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(tls) {
            @Override
            public void configure(HttpsParameters connection) {
                var parameters = getSSLContext().getDefaultSSLParameters();
                parameters.setNeedClientAuth(true);
                connection.setSSLParameters(parameters);
            }
        });
        server.setExecutor(Executors.newCachedThreadPool());
        server.createContext("/", exchange -> {
            try {
                receive((HttpsExchange) exchange);
            } catch (Exception problem) {
                problem.printStackTrace();
                refuse(exchange, 500, "not handled, so it comes again");
            } finally {
                exchange.close();
            }
        });
        // A shutdown hook of its own would end with 143. Whoever is in the middle of an event ends it.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            server.stop(1);
            Runtime.getRuntime().halt(0);
        }));
        server.start();
        System.out.println("listening on port " + server.getAddress().getPort());
    }
}
