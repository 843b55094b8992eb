package cardwright.simulator.vpcd;

import cardwright.simulator.Card;
import cardwright.simulator.CardLostException;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jdk.net.ExtendedSocketOptions;

/**
 * A card's line to a virtual reader: dials in to vpcd, answers, and dials in again whenever the line is gone.
 *
 * <p>A frame is the length of its body in two bytes, big-endian, and the body. A body of one byte is a control message: 00
 * power off, 01 power on, 02 reset, 04 asks for the ATR. Any other is a command, whatever is in it.
 */
public final class VpcdClient implements Runnable {
    private static final int POWER_OFF = 0;
    private static final int POWER_ON = 1;
    private static final int RESET = 2;
    private static final int GET_ATR = 4;
    private static final long REDIAL_MILLIS = 50;
    /** A reader that is just about to listen, or a test that is over, is no news. */
    private static final int REFUSED_BEFORE_TELLING = 20;
    private static final int DIAL_MILLIS = 5_000;

    private final InetSocketAddress address;
    private final CountDownLatch stopped = new CountDownLatch(1);
    private volatile Card card;
    private volatile Socket line;
    /** Whether the reader has sent anything on the last line. */
    private boolean served;
    /** Connections refused in a row, until that has been told; it is told once. */
    private int refused;

    /**
     * @param card what answers
     * @param address where the reader listens
     */
    public VpcdClient(Card card, InetSocketAddress address) {
        this.card = card;
        this.address = address;
    }

    /** Serves until {@link #stop()}. */
    @Override
    public void run() {
        try {
            served = true;
            // A reader that went, or a card that lost its power, dials anew at once; where nobody asks, later.
            while (!stopped.await(served ? 0 : REDIAL_MILLIS, TimeUnit.MILLISECONDS)) {
                served = false;
                try {
                    dial();
                } catch (RuntimeException | Error e) {
                    // A fault of this program's. The other cards do not suffer from it, and this one gets another try.
                    e.printStackTrace();
                    served = false;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void dial() {
        try (Socket socket = new Socket()) {
            line = socket;
            socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
            try {
                socket.connect(address, DIAL_MILLIS);
            } catch (IOException e) {
                refused++;
                if (refused == REFUSED_BEFORE_TELLING) {
                    System.err.printf(
                            "nobody listens at %s:%d; dialling%n", address.getHostString(), address.getPort());
                }
                return;
            }
            if (refused < REFUSED_BEFORE_TELLING) {
                refused = 0;
            }
            serve(socket, card);
        } catch (IOException e) {
            // The line is gone.
        }
    }

    /** The card that answers. */
    public Card card() {
        return card;
    }

    /** Takes the card out and puts another one in. */
    public void insert(Card other) {
        card = other;
        hangUp();
    }

    /** Hangs up, for good. */
    public void stop() {
        stopped.countDown();
        hangUp();
    }

    private void hangUp() {
        Socket socket = line;
        if (socket != null) {
            try {
                socket.close();
            } catch (IOException e) {
                // It is gone already.
            }
        }
    }

    private void serve(Socket socket, Card card) throws IOException {
        try {
            card.powerOn();
            answerAll(socket, card);
        } finally {
            card.powerOff();
        }
    }

    private void answerAll(Socket socket, Card card) throws IOException {
        InputStream arriving = new QuickAck(socket);
        DataInputStream in = new DataInputStream(new BufferedInputStream(arriving));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream(), 65_537));
        while (stopped.getCount() > 0) {
            byte[] body = new byte[in.readUnsignedShort()];
            in.readFully(body);
            served = true;
            byte[] answer = answer(card, body);
            if (answer != null) {
                out.writeShort(answer.length);
                out.write(answer);
                out.flush();
            }
        }
    }

    /** What goes back, or null for nothing. A card that lost its power ends the line. */
    private static byte[] answer(Card card, byte[] body) throws IOException {
        if (body.length == 1) {
            return control(card, body[0]);
        }
        if (body.length == 0) {
            return null;
        }
        try {
            return card.transmit(body);
        } catch (CardLostException e) {
            throw new IOException(e);
        }
    }

    private static byte[] control(Card card, byte message) {
        switch (message) {
            case POWER_OFF -> card.powerOff();
            case POWER_ON, RESET -> card.powerOn();
            case GET_ATR -> {
                return card.atr();
            }
            default -> {
                // None of vpcd's: passed over.
            }
        }
        return null;
    }

    /**
     * Acknowledges at once what arrives. vpcd sends length and body in two writes, and the second waits for the
     * acknowledgement of the first: 40 ms where the system delays it. The system forgets the option, so it is set anew
     * before each read.
     */
    private static final class QuickAck extends FilterInputStream {
        private final Socket socket;
        private final boolean supported;

        QuickAck(Socket socket) throws IOException {
            super(socket.getInputStream());
            this.socket = socket;
            supported = socket.supportedOptions().contains(ExtendedSocketOptions.TCP_QUICKACK);
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            if (supported) {
                socket.setOption(ExtendedSocketOptions.TCP_QUICKACK, true);
            }
            return super.read(buffer, offset, length);
        }
    }
}
