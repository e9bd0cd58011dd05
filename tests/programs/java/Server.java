import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A thread per connection and blocking calls; each request leaves 64 KiB of garbage behind. Usage: Server PORT. */
public class Server {
    public static void main(String[] arguments) throws IOException {
        ServerSocket listener = new ServerSocket(Integer.parseInt(arguments[0]), 2048, InetAddress.getByName("127.0.0.1"));
        Runtime.getRuntime().addShutdownHook(new Thread(Server::end));
        System.out.println("port " + listener.getLocalPort());
        for (int number = 0; ; number++) {
            Socket socket = listener.accept();
            new Thread(() -> serve(socket), "serve-" + number).start();
        }
    }

    private static void end() {
        long collections = 0;
        for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
            collections += collector.getCollectionCount();
        }
        System.out.println("collected garbage: " + (collections > 0));
        System.out.println("end");
    }

    private static void serve(Socket socket) {
        try (socket) {
            socket.setTcpNoDelay(true);
            var in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
            OutputStream out = socket.getOutputStream();
            for (String first = in.readLine(); first != null; first = in.readLine()) {
                for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
                }
                int left = 0;
                byte[][] garbage = new byte[16][];
                for (int i = 0; i < garbage.length; i++) {
                    garbage[i] = new byte[4096];
                    left += garbage[i].length;
                }
                String body = "hello " + first.split(" ")[1] + " " + left + "\n";
                out.write(("HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body).getBytes(StandardCharsets.ISO_8859_1));
            }
        } catch (IOException gone) {
            // the client has left
        }
    }
}
