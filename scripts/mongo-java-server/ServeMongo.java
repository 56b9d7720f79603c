import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.ServerVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;

/** Speaks MongoDB's protocol at a port of this machine, with change streams; what it holds goes with it. */
public class ServeMongo {
  public static void main(String[] arguments) throws InterruptedException {
    MemoryBackend backend = new MemoryBackend();
    // Drivers of today refuse older ones.
    backend.version(ServerVersion.MONGO_5_0);
    MongoServer server = new MongoServer(backend);
    server.enableOplog();
    server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
    Thread.currentThread().join();
  }
}
